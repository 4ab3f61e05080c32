#!/usr/bin/env python3
"""Makes what a conda comes from, for tests: conda-standin.py channel DIR PIP_WHEEL | installer OUT PLATFORM_NAME RATTLER_WHEEL PIP_WHEEL
The channel is real in form (repodata.json made by py-rattler from packages with info/index.json and paths.json); its python is Debian's own 3.11, told
to use site-packages. The installer is a shell script with its payload behind it, in the form of Miniconda's: -b -p -u -h, and no prefix that exists."""
import hashlib, io, json, os, pathlib, shutil, subprocess, sys, tarfile, tempfile, zipfile

here = pathlib.Path(__file__).parent
SITE = "lib/python3.11/site-packages"


def python_tree(to):
    """Debian's Python as one that stands for itself: Debian patches where packages go unless it is in a venv."""
    (to / "bin").mkdir(parents=True)
    shutil.copy("/usr/bin/python3.11", to / "bin/python3.11")
    for name in ("python", "python3"):
        (to / "bin" / name).symlink_to("python3.11")
    skip = shutil.ignore_patterns("__pycache__", "test", "idlelib", "tkinter", "lib2to3", "config-3.11-*", "sitecustomize.py", "EXTERNALLY-MANAGED")
    shutil.copytree("/usr/lib/python3.11", to / "lib/python3.11", ignore=skip)
    wheels = to / "lib/python3.11/ensurepip/_bundled"
    shutil.copytree("/usr/share/python-wheels", wheels)
    for file, old, new in (("sysconfig.py", "prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'"),
                           ("ensurepip/__init__.py", "sysconfig.get_config_var('WHEEL_PKG_DIR')", "os.path.dirname(__file__) + '/_bundled'")):
        text = (to / "lib/python3.11" / file).read_text()
        assert old in text, f"Debian's {file} is not as it was"
        (to / "lib/python3.11" / file).write_text(text.replace(old, new))
    (to / "lib/python3.11/sitecustomize.py").write_text(f"import site, sys\nsite.addsitedir(sys.prefix + '/{SITE}')\n"
                                                        "sys.path[:] = [one for one in sys.path if 'dist-packages' not in one]\n")
    (to / SITE).mkdir(parents=True, exist_ok=True)


def unpack(wheel, to):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(to)


def package(directory, name, version, depends, tree, subdir="linux-64"):
    files = sorted(str(one.relative_to(tree)) for one in tree.rglob("*") if one.is_symlink() or one.is_file())
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends, "subdir": subdir, "license": "n/a",
             "arch": "x86_64", "platform": "linux", "timestamp": 1700000000000}
    paths = {"paths_version": 1, "paths": []}
    for one in files:
        link = (tree / one).is_symlink()
        bytes_ = b"" if link else (tree / one).read_bytes()
        paths["paths"].append({"_path": one, "path_type": "softlink" if link else "hardlink", "size_in_bytes": len(bytes_),
                               "sha256": hashlib.sha256(bytes_).hexdigest()})
    (directory / subdir).mkdir(parents=True, exist_ok=True)
    with tarfile.open(directory / subdir / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as out:
        for path, text in (("info/index.json", json.dumps(index)), ("info/paths.json", json.dumps(paths)), ("info/files", "\n".join(files) + "\n")):
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            out.addfile(entry, io.BytesIO(text.encode()))
        for one in files:
            out.add(tree / one, arcname=one)


def channel(directory, pip_wheel):
    directory = pathlib.Path(directory)
    with tempfile.TemporaryDirectory() as work:
        python_tree(pathlib.Path(work) / "python")
        package(directory, "python", "3.11.2", [], pathlib.Path(work) / "python")
        package(directory, "python", "3.10.0", ["there-is-no-such-thing"], pathlib.Path(work) / "python" / "bin")
        pip = pathlib.Path(work) / "pip"
        unpack(pip_wheel, pip / SITE)
        package(directory, "pip", "26.3", ["python >=3.11,<3.12"], pip)
    (directory / "noarch").mkdir(exist_ok=True)
    import asyncio, rattler
    asyncio.run(rattler.index.index_fs(directory))


CONDA_SH = """export CONDA_EXE='@PREFIX@/bin/conda'
conda() {
  case "$1" in
    activate|deactivate) eval "$("$CONDA_EXE" shell.posix "$@")" ;;
    *) "$CONDA_EXE" "$@" ;;
  esac
}
"""
HEADER = """#!/bin/sh
# @NAME@, for tests
THIS=$0
BATCH=0 UPDATE=0 PREFIX=$HOME/@DEFAULT@
echo "$0" | grep '\\.sh$' >/dev/null || { echo 'Please run using "bash"/"sh", but not "." or "source".' >&2; exit 1; }
while getopts "bfhp:u" x; do
  case $x in
    b) BATCH=1 ;;
    u) UPDATE=1 ;;
    p) PREFIX=$OPTARG ;;
    *) echo "usage: $0 [-b] [-u] [-p PREFIX]"; exit 2 ;;
  esac
done
[ "$BATCH" = 1 ] || { echo "it asks about its licence, and nobody is there" >&2; exit 1; }
case $PREFIX in *\\ *) echo "ERROR: Cannot install into directories with spaces" >&2; exit 1 ;; esac
if [ "$UPDATE" = 0 ] && [ -e "$PREFIX" ]; then
  echo "ERROR: File or directory already exists: '$PREFIX'" >&2
  echo "If you want to update an existing installation, use the -u option." >&2
  exit 1
fi
mkdir -p "$PREFIX/conda-meta" && touch "$PREFIX/conda-meta/history" || exit 1
echo "PREFIX=$PREFIX"
[ ! -e /srv/slow ] || sleep 8
tail -n +@LINES@ "$THIS" | tar -xzf - -C "$PREFIX" || exit 1
for file in bin/conda etc/profile.d/conda.sh; do
  sed -i "s|@PREFIX@|$PREFIX|g" "$PREFIX/$file"
done
"$PREFIX/bin/conda" register || exit 1
echo "installation finished."
exit 0
"""


def installer(out, name, rattler_wheel, pip_wheel):
    with tempfile.TemporaryDirectory() as work:
        tree = pathlib.Path(work)
        python_tree(tree)
        for wheel in (rattler_wheel, pip_wheel):
            unpack(wheel, tree / SITE)
        (tree / "bin/conda").write_text("#!@PREFIX@/bin/python\n" + (here / "conda-front.py").read_text())
        (tree / "bin/conda").chmod(0o755)
        (tree / "conda-meta").mkdir()
        (tree / "conda-meta/conda-26.3.2-0.json").write_text("{}\n")
        (tree / "conda-meta/history").write_text("==> made <==\n")
        (tree / "etc/profile.d").mkdir(parents=True)
        (tree / "etc/profile.d/conda.sh").write_text(CONDA_SH)
        if name == "Miniforge3":
            (tree / ".condarc").write_text("channels:\n  - conda-forge\n")
        payload = io.BytesIO()
        with tarfile.open(fileobj=payload, mode="w:gz", compresslevel=1) as file:
            for one in sorted(tree.iterdir()):
                file.add(one, arcname=one.name)
    header = HEADER.replace("@NAME@", name).replace("@DEFAULT@", name.lower()).replace("@LINES@", str(HEADER.count("\n") + 1))
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(out).write_bytes(header.encode() + payload.getvalue())


if __name__ == "__main__":
    {"channel": channel, "installer": installer}[sys.argv[1]](*sys.argv[2:])
