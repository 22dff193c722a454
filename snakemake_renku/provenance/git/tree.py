"""A commit's tree, of which only the folders that are asked for are read."""

from __future__ import annotations

from snakemake_renku.provenance.git.folder import FOLDER, SUBMODULE, Entry, Folder
from snakemake_renku.provenance.git.objects import Objects
from snakemake_renku.provenance.git.pack import PackWriter


class Tree:
    """A tree that can be changed; ``write`` adds its present version to a pack."""

    def __init__(self, objects: Objects, root: bytes | None, hash_size: int = 20) -> None:
        self._objects = objects
        self._hash_size = hash_size
        self._root = self._load(root)

    def get(self, path: bytes) -> Entry | None:
        """What stands at ``path``."""
        *folders, name = path.split(b"/")
        node: _Node | None = self._root
        for folder in folders:
            node = node and self._child(node, folder)
        return node.folder.get(name) if node else None

    def in_the_way(self, path: bytes) -> bytes | None:
        """The file in the place of a folder that ``path`` needs, or the folder in its own place."""
        entry = self.get(path)
        if entry is not None and entry.mode == FOLDER:
            return path
        parts = path.split(b"/")
        for length in range(1, len(parts)):
            prefix = b"/".join(parts[:length])
            entry = self.get(prefix)
            if entry is None:
                return None
            if entry.mode != FOLDER:
                return prefix
        return None

    def submodule(self, path: bytes) -> bytes | None:
        """The submodule that ``path`` is in."""
        blocked = self.in_the_way(path)
        entry = None if blocked is None else self.get(blocked)
        return blocked if entry is not None and entry.mode == SUBMODULE else None

    def put(self, path: bytes, entry: Entry) -> None:
        """Let ``path`` stand for something."""
        *folders, name = path.split(b"/")
        node = self._root
        way = [node]
        for folder in folders:
            node = self._child(node, folder) or node.new_child(folder)
            way.append(node)
        if node.folder.put(name, entry):
            for node in way:
                node.dirty = True

    def write(self, pack: PackWriter) -> bytes:
        """Add what changed to the pack, and return the tree's name."""
        return self._write(self._root, pack)

    def _write(self, node: _Node, pack: PackWriter) -> bytes:
        if not node.dirty:
            return node.name
        for name in node.dirty_children():
            written = self._write(node.children[name], pack)
            node.folder.put(name, Entry(FOLDER, written))
        node.name = node.folder.write(pack)
        node.dirty = False
        return node.name

    def _child(self, node: _Node, name: bytes) -> _Node | None:
        if name not in node.children:
            entry = node.folder.get(name)
            if entry is None or entry.mode != FOLDER:
                return None
            node.children[name] = self._load(entry.name)
        return node.children[name]

    def _load(self, name: bytes | None) -> _Node:
        data = b"" if name is None else self._objects.read(name, "tree")
        return _Node(name or b"", Folder(data, self._hash_size), dirty=name is None)


def tree_of(objects: Objects, commit: str) -> Tree:
    """The tree of a commit, which is named in hexadecimal."""
    root = objects.read(commit, "commit").split(b"\n", 1)[0].removeprefix(b"tree ")
    return Tree(objects, bytes.fromhex(root.decode()), len(commit) // 2)


class _Node:
    __slots__ = ("children", "dirty", "folder", "name")

    def __init__(self, name: bytes, folder: Folder, *, dirty: bool) -> None:
        self.name = name
        self.folder = folder
        self.children: dict[bytes, _Node] = {}
        self.dirty = dirty

    def new_child(self, name: bytes) -> _Node:
        child = _Node(b"", Folder(), dirty=True)
        self.children[name] = child
        return child

    def dirty_children(self) -> list[bytes]:
        return [name for name, child in self.children.items() if child.dirty]
