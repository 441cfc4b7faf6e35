"""Cuts off what a killed server had not made durable, by the journal of recorder.cc."""
import os
import pathlib
import shutil


class Power:
    """The disk below `data`: environment() for the server, cut() after its SIGKILL."""

    def __init__(self, data, aside, recorder):
        self.data, self.recorder = pathlib.Path(data), recorder
        self.journal, self.kept = aside / "journal", aside / "kept"
        self.kept.mkdir(parents=True)

    def environment(self):
        return {"LD_PRELOAD": str(self.recorder), "KEELSON_POWER_DIR": str(self.data), "KEELSON_POWER_JOURNAL": str(self.journal),
                "KEELSON_POWER_KEEP": str(self.kept)}

    def cut(self, chance):
        """Half of the cuts lose all that is not synced, the others a random part. Returns what happened, as counts."""
        sizes, durable = self._read()
        lose = (lambda: True) if chance.random() < 0.5 else (lambda: chance.random() < 0.5)
        counts = {"names gone": 0, "names back": 0, "bytes cut": 0}
        gone, taken = self._take_names(durable, lose, counts)
        self._give_names_back(durable, gone, taken, lose, counts)
        for path in gone.values():
            path.unlink()
        for file in self._files():
            self._tear(file, sizes, lose, chance, counts)
        self._everything_is_durable()
        return counts

    def _take_names(self, durable, lose, counts):
        """Entries that no sync of their directory has seen lose their names; returns their files by inode, and the paths."""
        gone, taken = {}, set()
        for directory, _, _ in os.walk(self.data):
            for entry in list(os.scandir(directory)):
                if durable.get(directory, {}).get(entry.name) == entry.inode() or not lose():
                    continue
                counts["names gone"] += 1
                taken.add(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                    continue
                gone[entry.inode()] = self.kept / f"gone-{entry.inode()}"
                os.rename(entry.path, gone[entry.inode()])
        return gone, taken

    def _give_names_back(self, durable, gone, taken, lose, counts):
        """A name that was removed since may be back; one that was given away by a rename is, when the rename is undone."""
        kept = {int(file.name): file for file in self.kept.iterdir() if file.name.isdigit()}
        for directory, entries in durable.items():
            for name, inode in entries.items():
                path = pathlib.Path(directory) / name
                if path.exists() or not path.parent.exists():
                    continue
                source = gone.get(inode) or (kept.get(inode) if str(path) in taken or lose() else None)
                if source:
                    os.link(source, path)
                    counts["names back"] += 1

    def _files(self):
        return [pathlib.Path(d) / name for d, _, names in os.walk(self.data) for name in names if (pathlib.Path(d) / name).is_file()]

    def _read(self):
        sizes, entries = {}, {}
        for line in self.journal.read_text().splitlines() if self.journal.exists() else []:
            if line.startswith("S "):
                inode, size = line[2:].split(" ")
                sizes[int(inode)] = int(size)
            else:
                directory, *names = line[2:].split("\t")
                entries[directory] = {name: int(inode) for name, inode in (entry.rsplit(" ", 1) for entry in names)}
        return sizes, entries

    @staticmethod
    def _tear(file, sizes, lose, chance, counts):
        status = file.stat()
        safe = min(sizes.get(status.st_ino, 0), status.st_size)
        if safe == status.st_size:
            return
        left = safe if lose() else chance.randint(safe, status.st_size)
        counts["bytes cut"] += status.st_size - left
        os.truncate(file, left)

    def _everything_is_durable(self):
        lines = [f"S {file.stat().st_ino} {file.stat().st_size}" for file in self._files()]
        for directory, _, _ in os.walk(self.data):
            lines.append("\t".join([f"D {directory}", *(f"{entry.name} {entry.inode()}" for entry in os.scandir(directory))]))
        for file in self.kept.iterdir():
            file.unlink()
        self.journal.write_text("\n".join(lines) + "\n")
