"""aptsource.py TYPE CODENAME SUITE...: apt entries for each SUITE, made from this machine's own entries for CODENAME.

Reads both formats (one-line .list files and deb822 .sources files), takes each mirror and key that serves CODENAME's
main component, and prints one-line entries of TYPE (deb or deb-src). Exit status 1 when there is none.
"""
import glob
import re
import sys


def one_line(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line.strip())
            if m:
                yield m[2], [m[3]], m[4].split(), m[1] or ""


def deb822(path):
    with open(path, encoding="utf-8") as f:
        stanzas = re.split(r"\n\s*\n", f.read())
    for stanza in stanzas:
        text = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", text, re.M))
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled") == "no":
            continue
        key = fields.get("Signed-By", "").strip()
        for uri in fields.get("URIs", "").split():
            yield uri, fields.get("Suites", "").split(), fields.get("Components", "").split(), \
                f"signed-by={key}" if key.startswith("/") else ""


def main(kind, codename, *wanted):
    found = []
    entries = [e for p in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*.list")]
               if glob.glob(p) for e in one_line(p)]
    entries += [e for p in glob.glob("/etc/apt/sources.list.d/*.sources") for e in deb822(p)]
    for uri, suites, components, options in entries:
        if codename in suites and "main" in components:
            for name in wanted:
                found.append(f"{kind} {'[' + options + '] ' if options else ''}{uri} {name} main")
    if not found:
        sys.exit(1)
    print("\n".join(dict.fromkeys(found)))


main(*sys.argv[1:])
