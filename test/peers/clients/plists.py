"""Reads property lists with plistlib and writes them again, as XML and in binary. Lines of base64 in; a JSON list for each line out."""

import base64
import json
import plistlib
import sys

for line in sys.stdin:
    try:
        value = plistlib.loads(base64.b64decode(line))
        written = [plistlib.dumps(value, fmt=fmt, sort_keys=False) for fmt in (plistlib.FMT_XML, plistlib.FMT_BINARY)]
        print(json.dumps([base64.b64encode(data).decode() for data in written]))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
