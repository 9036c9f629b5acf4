"""The header of a test script: its leading comment lines of the form `# name: value`."""
import re


def read(path):
    """Returns {name: value}; the values of a name that comes twice are joined by a space."""
    fields = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                break
            if m := re.match(r"# (vm|kernels|timeout): (.*\S)", line):
                fields[m[1]] = " ".join(filter(None, [fields.get(m[1]), m[2]]))
    return fields


def timeout(fields):
    return float(fields.get("timeout", 120))


def kernels(fields):
    return fields.get("kernels", "small").split()
