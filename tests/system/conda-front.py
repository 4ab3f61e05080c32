"""A conda for tests: the command's surface that bringup and a shell use, over py-rattler, which is a real client of conda's channels: its solver
chooses, its installer links. It goes by PREFIX/.condarc and ~/.condarc, keeps ~/.conda/environments.txt, and refuses Anaconda's channels as long as
nobody accepted their terms, all as conda does. Run by the Python of its own prefix."""
import asyncio, json, os, pathlib, shlex, sys, urllib.request

root = pathlib.Path(sys.prefix)
home = pathlib.Path.home()


def settings():
    """The keys of a .condarc that are lists of words, maps of words, or words; what the user's own says comes first."""
    found = {}
    for file in (home / ".condarc", root / ".condarc"):
        key = None
        for line in file.read_text().splitlines() if file.exists() else []:
            line = line.split("#")[0].rstrip()
            if line and not line[0].isspace():
                key, _, value = line.partition(":")
                found.setdefault(key, value.strip() or None)
            elif line.strip().startswith("- "):
                found[key] = (found[key] or []) + [line.strip()[2:].strip()]
            elif line:
                name, _, value = line.strip().partition(":")
                found[key] = {**(found[key] or {}), name.strip(): value.strip()}
    return found


def urls_of(channel, rc):
    if "://" in channel:
        return [channel]
    if channel == "defaults":
        return rc.get("default_channels") or ["https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r"]
    return [(rc.get("custom_channels") or {}).get(channel, "https://conda.anaconda.org") + "/" + channel]


def fetch(url, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            to.write_bytes(answer.read())
    except OSError as error:
        sys.exit(f"CondaHTTPError: HTTP {getattr(error, 'code', '000')} CONNECTION FAILED for url <{url}>: {error}")


def copied(url):
    """The channel below PREFIX/pkgs: what the solver may choose from, each package held against its hash when it is linked."""
    place = root / "pkgs" / "channels" / url.split("://")[1].replace("/", "_")
    for subdir in ("linux-64", "noarch"):
        fetch(f"{url}/{subdir}/repodata.json", place / subdir / "repodata.json")
        data = json.loads((place / subdir / "repodata.json").read_text())
        for name in {**data.get("packages", {}), **data.get("packages.conda", {})}:
            if not (place / subdir / name).exists():
                fetch(f"{url}/{subdir}/{name}", place / subdir / name)
    return place.as_uri()


def create(words):
    prefix, channels, override, specs = None, [], False, []
    words = iter(words)
    for word in words:
        if word in ("-p", "--prefix"):
            prefix = pathlib.Path(next(words))
        elif word in ("-n", "--name"):
            prefix = root / "envs" / next(words)
        elif word in ("-c", "--channel"):
            channels.append(next(words))
        elif word == "--override-channels":
            override = True
        elif not word.startswith("-"):
            specs.append(word)
    rc = settings()
    if not override:
        channels += rc.get("channels") or ["defaults"]
    urls = [url for channel in channels for url in urls_of(channel, rc)]
    if any(url.startswith("https://repo.anaconda.com/pkgs/") for url in urls) and not (home / ".conda/tos-accepted").exists():
        sys.exit("CondaToSNonInteractiveError: Terms of Service have not been accepted for the following channels: " + ", ".join(urls))

    async def work():
        import rattler
        records = await rattler.solve([rattler.Channel(copied(url)) for url in urls], specs, platforms=["linux-64", "noarch"],
                                      virtual_packages=rattler.VirtualPackage.detect(), timestamp_policy="allow-missing")
        await rattler.install(records, prefix, cache_dir=root / "pkgs", show_progress=False)

    if os.path.exists("/srv/slow"):  # for a kill in the middle
        (prefix / "conda-meta").mkdir(parents=True)
        (prefix / "half").write_text("half")
        import time
        time.sleep(8)
    asyncio.run(work())
    history = prefix / "conda-meta" / "history"
    history.write_text("==> made <==\n# cmd: conda create\n")
    register(prefix)


def register(prefix):
    listed = home / ".conda" / "environments.txt"
    listed.parent.mkdir(exist_ok=True)
    known = listed.read_text().splitlines() if listed.exists() else []
    if str(prefix) not in known:
        listed.write_text("\n".join(known + [str(prefix)]) + "\n")


def shell(words):
    path = [one for one in os.environ.get("PATH", "").split(":") if one != os.environ.get("CONDA_PREFIX", "?") + "/bin"]
    if words[0] == "deactivate":
        return print(f"export PATH={shlex.quote(':'.join(path))}; unset CONDA_PREFIX CONDA_DEFAULT_ENV")
    name = words[1] if len(words) > 1 else "base"
    prefix = root if name == "base" else pathlib.Path(name) if "/" in name else root / "envs" / name
    if not (prefix / "conda-meta").exists():
        sys.exit(f"EnvironmentNameNotFound: Could not find conda environment: {name}")
    print(f"export PATH={shlex.quote(':'.join([str(prefix / 'bin')] + path))}; export CONDA_PREFIX={shlex.quote(str(prefix))} CONDA_DEFAULT_ENV={name}")


verb, *rest = sys.argv[1:] or ["--version"]
if verb == "--version":
    print("conda 26.3.2")
elif verb == "create":
    create(rest)
elif verb == "register":
    register(root)
elif verb == "shell.posix":
    shell(rest)
elif verb == "config":
    print(json.dumps(settings().get("channels")))
else:
    sys.exit(f"conda: this stand-in knows no '{verb}'")
