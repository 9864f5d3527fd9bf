"""Xen's ABI as ctypes, from `xenabi export`: no header, no compiler.

    xenabi export --arch x86_64 > xen.json
    python3 xen_ctypes.py xen.json gnttab_copy

`load` returns classes by the name of the C type, and constants by theirs. A member lies where the ABI says;
`a.b` in C is `a.b` here, read and written through `get` and `put`.
"""
import ctypes
import json
import sys


class Abi:
    def __init__(self, file):
        with open(file, encoding="utf-8") as text:
            data = json.load(text)
        self.constants = {one["name"]: one["value"] for one in data["constants"]}
        self.types = {one["name"]: self.make(one) for one in data["types"]}

    @staticmethod
    def make(one):
        """A class of the type's size, which knows its members by path."""
        fields = {field["path"]: field for field in one["fields"] if "bits" not in field}
        body = {"_fields_": [("bytes", ctypes.c_ubyte * one["size"])], "fields": fields}
        return type(one["name"], (Record,), body)


class Record(ctypes.Structure):
    def get(self, path):
        field = self.fields[path]
        return int.from_bytes(self.bytes[field["offset"]:field["offset"] + field["size"]], "little")

    def put(self, path, value):
        field = self.fields[path]
        text = value.to_bytes(field["size"], "little")
        self.bytes[field["offset"]:field["offset"] + field["size"]] = text


if __name__ == "__main__":
    record = Abi(sys.argv[1]).types[sys.argv[2]]
    for path, field in record.fields.items():
        print(f"{path:24}{field['offset']:6}{field['size']:6}")
    print(f"{'size':24}{ctypes.sizeof(record):6}")
