"""The cases that break careless readers of `git log`, one commit or a few for each."""

from __future__ import annotations

from fast_import import Author, Repository, delete, modify, submodule

ADA = Author(b"Ada Lovelace", b"ada@example.org")

# Git keeps names and paths as bytes. In the facts, bytes that are not UTF-8 become U+FFFD; the
# README of this example describes how.
AUTHORS = [
    Author("José Ångström".encode(), "josé@example.org".encode()),
    Author("José Ångström".encode("latin-1"), b"latin1@example.org"),
    Author("山田 太郎".encode(), b"taro@example.org"),
    Author("山田 太郎".encode("shift_jis"), b"sjis@example.org"),
    Author(b"", b""),
    Author(b'"Quoted" O\'Hara', b"quoted@example.org"),
    Author(b"Tab\there \\ back", b"not an address"),
    Author(b"Carriage\rReturn\x01\x7f", b"control@example.org"),
    Author("e\u0301 decomposed".encode(), b"nfd@example.org"),
    Author("\u00e9 decomposed".encode(), b"nfd@example.org"),
    Author(b"\xed\xa0\x80 surrogate \xf0\x9f", b"cut\xff@example.org"),
    Author("\ufeffmark first, 👩‍🔬, \u2028 line separator".encode(), b"bom@example.org"),
]

PATHS = [
    b"with space",
    b" leading and trailing ",
    b"with \"double\" and 'single' quotes",
    b"tab\there",
    b"new\nline",
    b"\nstarts with a newline",
    b"carriage\rreturn",
    b"back\\slash",
    b"\\t\\n\\001 only looks quoted",
    b"-",
    b"-\t-\tlooks like a binary entry",
    b"1\t2\tlooks like an entry",
    b"a => b",
    b"dir/{old => new}/renamed",
    b"4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    b"commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "grüße/смех/笑い/🙂".encode(),
    "nfc-\u00e9".encode(),
    "nfd-e\u0301".encode(),
    "\ufeffbyte order mark".encode(),
    "line\u2028separator".encode(),
    b"control-\x01\x1b\x7f",
    b"__proto__",
    b"constructor",
    b"null",
    b"percent%00%s%n",
    b"latin1-caf\xe9",  # this path and the next are two files in git and one after replacement
    b"latin1-caf\xe8",
    b"surrogate-\xed\xa0\x80",
    b"cut-\xf0\x9f\x98",
    b"overlong-\xc0\xaf",
    b"x" * 255 + b"/" + b"y" * 255 + b"/" + b"z" * 255,
]

SUBJECTS = [
    b"",
    b"\n\n\nafter empty lines",
    b"a subject\nof two lines\n\nand a body",
    b"\x00cut at a NUL",
    b"before a NUL\x00 after it",
    "subject in latin-1: naïve café".encode("latin-1"),
    "emoji 🎉, \ufeff mark, \u2028 separator".encode(),
    b"quotes \" and ' and \\ and %s %x00",
    b"tab\tand return\r\n",
    b"4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    b"1\t2\tlooks like an entry",
    b"long " * 2_000,
]


def write_nasty_history(repository: Repository) -> None:
    """Writes every case. Later commits must not depend on which files exist then."""
    first = repository.commit(ADA, b"the first commit", modify(b"README.md", b"one\ntwo\nthree\n"))

    for number, author in enumerate(AUTHORS):
        repository.commit(
            author,
            b"a change by an author with an unusual name",
            modify(b"by-author/%d" % number, b"line\n" * (number + 1)),
        )
    repository.commit(
        AUTHORS[1],
        "naïve café".encode("latin-1"),
        modify(b"declared", b"1\n"),
        encoding=b"ISO-8859-1",
    )
    repository.commit(
        ADA,
        b"an encoding that nobody knows \xe9",
        modify(b"declared", b"2\n"),
        encoding=b"no-such-encoding",
    )

    for path in PATHS:
        repository.commit(ADA, b"a file with an unusual name", modify(path, b"line\nline\n"))
    repository.commit(
        ADA,
        b"all of them at once",
        b"".join(modify(path, b"line\nother\nthird\n") for path in PATHS),
    )
    for subject in SUBJECTS:
        repository.commit(
            ADA, subject, modify(b"README.md", b"three\n" + subject.replace(b"\x00", b"") + b"\n")
        )

    _kinds_of_change(repository)
    _merges(repository, first)
    _clocks(repository)
    _tags(repository, first)


def _kinds_of_change(repository: Repository) -> None:
    text = b"one\ntwo\nthree\n"
    repository.commit(ADA, b"an empty commit")
    repository.commit(ADA, b"")
    repository.commit(ADA, b"an empty file", modify(b"empty", b""))
    repository.commit(ADA, b"a binary file", modify(b"binary\twith tab", bytes(range(256)) * 40))
    repository.commit(
        ADA, b"the binary file changes", modify(b"binary\twith tab", bytes(range(255, -1, -1)) * 40)
    )
    repository.commit(ADA, b"the binary file becomes text", modify(b"binary\twith tab", text))
    repository.commit(
        ADA,
        b"text becomes binary, beside text",
        modify(b"binary\twith tab", b"\0") + modify(b"kinds/text", text),
    )
    repository.commit(ADA, b"only the mode changes", modify(b"kinds/text", text, b"100755"))
    repository.commit(ADA, b"a symbolic link", modify(b"kinds/link", b"text", b"120000"))
    repository.commit(ADA, b"the link becomes a file", modify(b"kinds/link", text))
    repository.commit(ADA, b"a submodule", submodule(b"kinds/module", b"1" * 40))
    repository.commit(ADA, b"the submodule moves on", submodule(b"kinds/module", b"2" * 40))
    repository.commit(ADA, b"no newline at the end", modify(b"kinds/no-newline", b"one\ntwo"))
    repository.commit(
        ADA,
        b"a rename, which is one file less and one more",
        delete(b"kinds/text") + modify(b"kinds/renamed", text),
    )
    repository.commit(
        ADA,
        b"a file becomes a folder",
        delete(b"kinds/renamed") + modify(b"kinds/renamed/inside", text),
    )
    repository.commit(
        ADA, b"a folder becomes a file", delete(b"kinds/renamed") + modify(b"kinds/renamed", text)
    )
    repository.commit(ADA, b"windows line ends", modify(b"kinds/crlf", b"one\r\ntwo\r\n"))
    repository.commit(ADA, b"a deletion", delete(b"kinds/crlf") + delete(b"empty"))
    many = b"".join(modify(b"many/%03d" % number, b"x\n" * number) for number in range(300))
    repository.commit(ADA, b"many files in one commit", many)
    repository.commit(ADA, b"and gone again", delete(b"many"))


def _merges(repository: Repository, first: int) -> None:
    main = repository.commit(ADA, b"before the branches", modify(b"trunk", b"trunk\n"))
    sides = []
    for number in range(4):
        branch = b"refs/heads/side-%d" % number
        change = modify(b"side/%d" % number, b"side\n")
        repository.commit(
            AUTHORS[number], b"on a side branch", change, parents=(main,), branch=branch
        )
        sides.append(
            repository.commit(
                AUTHORS[number],
                b"once more on it",
                change + modify(b"shared", b"by side\n" * number),
                branch=branch,
            )
        )
    bring = b"".join(modify(b"side/%d" % number, b"side\n") for number in range(4))
    main = repository.commit(ADA, b"", bring, parents=(main, sides[0]))
    main = repository.commit(
        ADA,
        b"a merge of four, with a change of its own",
        bring + modify(b"trunk", b"evil\n"),
        parents=(main, *sides[1:], first),
    )
    repository.root(b"refs/heads/unrelated")
    unrelated = repository.commit(
        AUTHORS[2],
        b"a second root",
        modify(b"unrelated/README.md", b"hello\n"),
        branch=b"refs/heads/unrelated",
    )
    main = repository.commit(
        ADA,
        b"a merge of unrelated histories",
        modify(b"unrelated/README.md", b"hello\n"),
        parents=(main, unrelated),
    )
    repository.commit(
        ADA, b"after the merges", modify(b"trunk", b"trunk\nagain\n"), parents=(main,)
    )


def _clocks(repository: Repository) -> None:
    repository.commit(ADA, b"from before its parent", modify(b"clock", b"1\n"), clock=1_000_000_000)
    repository.commit(ADA, b"the first second", modify(b"clock", b"2\n"), clock=0)
    repository.commit(
        ADA, b"after 2038", modify(b"clock", b"3\n"), clock=4_102_444_800, zone=b"+1345"
    )
    repository.commit(ADA, b"west", modify(b"clock", b"4\n"), zone=b"-1130")


def _tags(repository: Repository, first: int) -> None:
    repository.tag(b"v1", first)
    repository.tag('größe/"quoted"/🙂'.encode(), first)
    repository.tag(b"latin1-\xe9", first)
    repository.annotated_tag(b"annotated", first, AUTHORS[1])
    inner = repository.annotated_tag(b"inner", first, ADA)
    repository.annotated_tag(b"tag-of-a-tag", inner, ADA)
    repository.annotated_tag(
        b"of-a-file", repository.blob(b"tags can point at anything; this one is no commit\n"), ADA
    )
