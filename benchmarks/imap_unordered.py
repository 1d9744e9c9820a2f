"""What a Python programmer would write: imap_unordered.py ITEMS FILE CHUNKSIZE"""

import json
import multiprocessing
import sys


def work(name):
    return {"id": name, "result": len(name)}


def main():
    items, path, chunksize = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    names = (f"data_{n}.txt" for n in range(items))
    with open(path, "w", encoding="utf-8") as file, multiprocessing.Pool(2) as pool:
        for record in pool.imap_unordered(work, names, chunksize):
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
