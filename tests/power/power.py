"""A server's disk at any moment of a run, and what a power failure at that moment may leave of it, by the journal of recorder.cc."""
import os
import pathlib
import shutil
import stat

LARGE_BYTES = 64 << 10                        # files as large as that are appended to or replaced whole: a picture is a link, and a size
WRITTEN_ONCE = (".so", ".sst", "ballast")     # shared by all that is made of a picture
KEEPS_NAMES = "db"                            # RocksDB's directory: it takes it that a file that is synced keeps its name, as journaling file systems have it
SYNC_US = 100                                 # a sync takes a while, in memory, too, so that the power fails meanwhile


class Recording:
    """The directory `data` of a server that runs with environment(). What is there at first is durable."""

    def __init__(self, data, aside, recorder):
        self.data, self.recorder = pathlib.Path(data), recorder
        self.journal, self.kept = aside / "journal", aside / "kept"
        self.kept.mkdir(parents=True)
        lines = []
        for directory, _, _ in os.walk(self.data):
            entries = list(os.scandir(directory))
            lines += [f"S 0 {entry.inode()} {entry.stat().st_size} {entry.path}" for entry in entries if entry.is_file(follow_symlinks=False)]
            lines.append("\t".join([f"D 0 {directory}", *(f"{entry.name} {entry.inode()}" for entry in entries)]))
        self.journal.write_text("".join(line + "\n" for line in lines))

    def environment(self):
        return {"LD_PRELOAD": str(self.recorder), "KEELSON_POWER_DIR": str(self.data), "KEELSON_POWER_JOURNAL": str(self.journal),
                "KEELSON_POWER_KEEP": str(self.kept), "KEELSON_POWER_SYNC_US": str(SYNC_US)}


class Picture:
    """The disk of a recording at this moment, in which its server is stopped or dead; `bodies` is made, and gets the files."""

    def __init__(self, recording, bodies):
        self.bodies, self.data = bodies, recording.data
        self.bodies.mkdir()
        self.synced, self.durable = self._read(recording.journal)
        self.names = {}    # directory -> {name: (inode, whether that is a directory)}
        self.files = {}    # inode -> (size, mode), of those kept aside, too
        for directory, _, _ in os.walk(self.data):
            self.names[self._below(directory)] = {entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False)) for entry in os.scandir(directory)}
            for entry in os.scandir(directory):
                if entry.is_file(follow_symlinks=False):
                    self._add(entry)
        self.kept = {entry.inode() for entry in os.scandir(recording.kept)}
        for entry in os.scandir(recording.kept):
            self._add(entry)

    def _below(self, directory):
        return os.path.relpath(directory, self.data)

    def _read(self, journal):
        sizes, entries = {}, {}
        for kind, _, rest in sorted((line.split(" ", 2) for line in journal.read_text().splitlines()), key=lambda parts: int(parts[1])):
            if kind == "S":
                inode, size, path = rest.split(" ", 2)
                sizes[int(inode)] = int(size)
                directory = self._below(os.path.dirname(path))
                if directory == KEEPS_NAMES:
                    entries.setdefault(directory, {})[os.path.basename(path)] = int(inode)
            else:
                directory, *names = rest.split("\t")
                entries[self._below(directory)] = {name: int(inode) for name, inode in (entry.rsplit(" ", 1) for entry in names)}
        return sizes, entries

    def _add(self, entry):
        status, body = entry.stat(), self.bodies / str(entry.inode())
        if entry.inode() in self.files:
            return
        self.files[entry.inode()] = (status.st_size, stat.S_IMODE(status.st_mode))
        if status.st_size >= LARGE_BYTES or entry.name.endswith(WRITTEN_ONCE):
            os.link(entry.path, body)
        else:
            shutil.copyfile(entry.path, body)

    def cut(self, target, chance, lose_all):
        """Makes the directory `target` of what is left: without all that is not synced, or without a random part of it. Counts what happened."""
        lose = (lambda: True) if lose_all else (lambda: chance.random() < 0.5)
        counts = {"names gone": 0, "names back": 0, "bytes cut": 0}
        left, gone, taken = {}, set(), set()
        self._take_names(".", lose, left, gone, taken)
        counts["names gone"] = len(taken)
        for directory in left.keys() & self.durable.keys():
            for name, inode in self.durable[directory].items():
                # A name that was removed since may be back; one that was given away by a rename is, when the rename is undone.
                if name not in left[directory] and (inode in gone or (inode in self.kept and ((directory, name) in taken or lose()))):
                    left[directory][name] = inode
                    counts["names back"] += 1
        sizes = {inode: self._torn(inode, lose, chance) for names in left.values() for inode in names.values()}
        counts["bytes cut"] = sum(self.files[inode][0] - size for inode, size in sizes.items())
        self._write(target, left, sizes)
        return counts

    def _take_names(self, directory, lose, left, gone, taken):
        """Entries that no sync of their directory has seen lose their names; `left` gets the others' inodes, by directory."""
        left[directory] = {}
        for name, (inode, is_directory) in self.names[directory].items():
            if self.durable.get(directory, {}).get(name) != inode and lose():
                taken.add((directory, name))
                if not is_directory:
                    gone.add(inode)
            elif is_directory:
                self._take_names(os.path.normpath(f"{directory}/{name}"), lose, left, gone, taken)
            else:
                left[directory][name] = inode

    def _torn(self, inode, lose, chance):
        size = self.files[inode][0]
        safe = min(self.synced.get(inode, 0), size)
        return safe if safe == size or lose() else chance.randint(safe, size)

    def _write(self, target, left, sizes):
        written = {}
        for directory, names in left.items():
            (target / directory).mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, inode in names.items():
                path, body, (size, mode) = target / directory / name, self.bodies / str(inode), self.files[inode]
                if inode in written or (name.endswith(WRITTEN_ONCE) and sizes[inode] == size == body.stat().st_size):
                    os.link(written.get(inode, body), path)
                else:
                    with open(body, "rb") as source:
                        path.write_bytes(source.read(sizes[inode]))
                    path.chmod(mode)
                written[inode] = path
