"""What a Python programmer would write: imap_unordered.py ITEMS FILE CHUNKSIZE [--double]

The items are names, of which the length is taken, or with --double integers, which are doubled."""

import json
import multiprocessing
import sys


def work(name):
    return {"id": name, "result": len(name)}


def double(number):
    return {"id": number, "result": number * 2}


def main():
    items, path, chunksize = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    function, inputs = work, (f"data_{n}.txt" for n in range(items))
    if sys.argv[4:] == ["--double"]:
        function, inputs = double, range(items)
    with open(path, "w", encoding="utf-8") as file, multiprocessing.Pool(2) as pool:
        for record in pool.imap_unordered(function, inputs, chunksize):
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
