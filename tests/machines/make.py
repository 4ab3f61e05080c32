#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the machines of tests/machines that nobody has recorded, from formats that are documented.

Formats: Linux Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-pci-devices-aer_stats and sysfs-kernel-iommu_groups;
proc(5); os-release(5); dpkg's status file (deb822(5)); modprobe.d(5); apt.conf(5); GRUB's manual and the output of
grub-mkconfig; the Boot Loader Specification; dkms(8) for its tree; struct module_signature of the kernel; NVIDIA's
README of driver 580 for /proc/driver/nvidia; NVML's reference for its errors; doc/recording.md for the rest.
One function per machine at the end. Run it in any directory: it replaces what it wrote before, but not expect/.
"""
import json
import pathlib
import shutil
import struct

HERE = pathlib.Path(__file__).parent
OLD, NEW = "580.126.09", "580.159.04"


def module_file(version, built_for, licence="Dual MIT/GPL", signer="", versioned=True):
    """A relocatable ELF file with .modinfo and, when signed, the signer's common name: what is read of a module."""
    def number(value, size):
        return value.to_bytes(size, "little")

    def section(name, kind, offset, size):
        return number(name, 4) + number(kind, 4) + bytes(16) + number(offset, 8) + number(size, 8) + bytes(8) + number(1, 8) + bytes(8)
    info = f"version={version}\0license={licence}\0vermagic={built_for} SMP preempt mod_unload {'modversions ' if versioned else ''}\0".encode()
    names = b"\0.modinfo\0.shstrtab\0"
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + number(1, 2) + number(62, 2) + number(1, 4) + bytes(16)
    head += number(64 + len(info) + len(names), 8) + bytes(4) + b"".join(number(n, 2) for n in (64, 0, 0, 64, 3, 2))
    file = head + info + names
    file += section(0, 0, 0, 0) + section(1, 1, 64, len(info)) + section(10, 3, 64 + len(info), len(names))
    if not signer:
        return file
    message = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(signer)]) + signer.encode()
    return file + message + bytes(2) + b"\x02" + bytes(8) + bytes([len(message)]) + b"~Module signature appended~\n"


def links_file(needs, search, first=False):
    """A shared object with a dynamic section: which libraries it asks for, and where it says that they are."""
    names, entries = b"\0", b""
    for tag, text in [(1, need) for need in needs] + [(15 if first else 29, ":".join(search))]:
        entries += struct.pack("<QQ", tag, len(names))
        names += text.encode() + b"\0"
    entries += struct.pack("<QQQQ", 5, 0x10000, 0, 0)
    begin = 64 + 2 * 56

    def part(kind, offset, address, size):
        return struct.pack("<IIQQQQQQ", kind, 4, offset, address, address, size, size, 8)

    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    return head + part(1, begin, 0x10000, len(names)) + part(2, begin + len(names), 0x10000 + len(names), len(entries)) + names + entries


class Machine:
    def __init__(self, name, story, release, kernel, cpus=32, user="user", shm=64 << 30):
        self.folder = HERE / name
        for part in ("files", "answers"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        self.kernel, self.gpus, self.packages, self.driver = kernel, [], {}, None
        self.cuda, self.environment, self.nvml_error = None, [], None
        self.cpus, self.user, self.shm, self.boot_free = cpus, user, shm, 400_000_000_000
        self.free, self.disk, self.speaks, self.pytorch = 400_000_000_000, 1_000_000_000_000, 13000, None
        text = " ".join(story.split()) + "\nNobody has recorded it: tests/machines/make.py writes it from documented formats.\n"
        (self.folder / "story.md").write_text(text)
        self.file("etc/os-release", RELEASES[release])
        self.red_hat = release.startswith("rocky")
        self.libraries = "usr/lib64" if self.red_hat else "usr/lib/x86_64-linux-gnu"
        libc = {"ubuntu2204": "2.35", "ubuntu2404": "2.39", "debian12": "2.36", "rocky9": "2.34"}[release]
        self.python = {"ubuntu2204": "3.10", "ubuntu2404": "3.12", "debian12": "3.11", "rocky9": "3.9"}[release]
        self.file("lib64/libc.so.6" if self.red_hat else "lib/x86_64-linux-gnu/libc.so.6",
                  f"GNU C Library (written by hand) release version {libc}.\n")
        self.file(f"usr/bin/python{self.python}")
        self.file("proc/meminfo", "MemTotal:       263856128 kB\n")
        self.file("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 7443P 24-Core Processor\nflags\t\t: fpu avx2\n")
        self.file("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units\n"
                  "Max open files            1024                 1048576              files\n"
                  "Max locked memory         8388608              8388608              bytes\n")
        self.file("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/swap.img\tfile\t8388604\t0\t-2\n")
        self.file("proc/modules", "")
        self.file("sys/devices/system/node/node0/.keep")
        self.file("proc/cmdline", "")
        self.file("sys/bus/pci/devices/.keep")
        self.file(f"home/{user}/.keep") if user != "root" else None
        self.file("etc/systemd/system/multi-user.target.wants/.keep")

    def file(self, path, content=""):
        place = self.folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def link(self, path, target):
        return self.file(path + ".link", target + "\n")

    def kernel_here(self, release, headers=True, module=None, nouveau=True, bootable=True, **about):
        root = f"lib/modules/{release}"
        self.file(f"{root}/modules.dep")
        if bootable:
            self.file(f"boot/vmlinuz-{release}")
        if headers:
            self.file(f"{root}/build/include/.keep")
        if nouveau:
            self.file(f"{root}/kernel/drivers/gpu/drm/nouveau/nouveau.ko")
        if module:
            directory = about.pop("directory", "updates/dkms")
            self.file(f"{root}/{directory}/nvidia.ko", module_file(module, about.pop("built_for", release), **about))
            if directory == "updates/dkms":
                self.file(f"var/lib/dkms/nvidia/{module}/{release}/x86_64/module/nvidia.ko")
        return self

    def grub(self, *releases, default="0", saved=""):
        """A menu as grub-mkconfig writes it: the first kernel above, all of them below 'Advanced options'."""
        value = "${saved_entry}" if default == "saved" else default
        name = "Debian GNU/Linux" if "debian" in self.folder.name else "Ubuntu"
        lines = ['if [ "${next_entry}" ] ; then', '   set default="${next_entry}"', "else", f'   set default="{value}"', "fi",
                 f"menuentry '{name}' --class gnu-linux $menuentry_id_option 'gnulinux-simple-1' {{",
                 f"\tlinux\t/boot/vmlinuz-{releases[0]} root=/dev/sda2 ro", "}",
                 f"submenu 'Advanced options for {name}' $menuentry_id_option 'gnulinux-advanced-1' {{"]
        for release in releases:
            lines += [f"\tmenuentry '{name}, with Linux {release}' $menuentry_id_option 'gnulinux-{release}-advanced-1' {{",
                      f"\t\tlinux\t/boot/vmlinuz-{release} root=/dev/sda2 ro", "\t}"]
        self.file("boot/grub/grub.cfg", "\n".join(lines + ["}"]) + "\n")
        self.file("boot/grub/grubenv", "# GRUB Environment Block\n" + (f"saved_entry={saved}\n" if saved else ""))
        return self.file("etc/default/grub", f"GRUB_DEFAULT={default}\n")

    def pci(self, address, device, kind=0x030000, driver="nvidia", width=16, most=16, generation=4, above=(), node=0, **other):
        speed = {1: "2.5 GT/s PCIe", 2: "5.0 GT/s PCIe", 3: "8.0 GT/s PCIe", 4: "16.0 GT/s PCIe", 5: "32.0 GT/s PCIe"}
        root = "pci0000:" + (above[0] if above else address)[5:7]
        place = "devices/" + "/".join([root, *above, address])
        for i, bridge in enumerate(above):
            at = "sys/devices/" + "/".join([root, *above[:i + 1]])
            if not (self.folder / "files" / at / "vendor").exists():
                self.device(at, other.get("bridge_vendor", 0x1022), other.get("bridge", 0x1483), 0x060400)
                self.link(f"sys/bus/pci/devices/{bridge}", "../../../" + at[4:])
        self.device("sys/" + place, other.get("vendor", 0x10de), device, kind, other.get("subsystem", (0x10de, 0x1467)))
        self.link(f"sys/bus/pci/devices/{address}", "../../../" + place)
        if "uplink" in other:  # what the switch's upper side and the port above it say of the link between them: lanes now and at most
            for part in (above[:1], above[:2]):
                self.ends("sys/devices/" + "/".join([root, *part]), *other["uplink"], speed[generation])
        if "acs" in other:  # of the port next to the device: its access control capability alone
            port = "/".join([root, *above])
            self.file(f"sys/devices/{port}/config", bytes(256) + struct.pack("<IHH", 0x1000d, 0x5f, other["acs"]))
        for name, value in {"numa_node": node, "current_link_width": width, "max_link_width": most,
                            "current_link_speed": speed[other.get("now", 1)], "max_link_speed": speed[generation]}.items():
            self.file(f"sys/{place}/{name}", f"{value}\n")
        if driver:
            self.link(f"sys/{place}/driver", f"../../../../bus/pci/drivers/{driver}")
        for name, total, what in (("fatal", 0, "FATAL"), ("nonfatal", other.get("aer", 0), "NONFATAL"), ("correctable", other.get("mended", 0), "COR")):
            self.file(f"sys/{place}/aer_dev_{name}", f"Undefined 0\nDLP 0\nTOTAL_ERR_{what} {total}\n")
        if other.get("iommu"):
            self.file(f"sys/{place}/iommu_group/type", other["iommu"] + "\n")
        return self

    def ends(self, at, width, most, speed):
        for name, value in {"current_link_width": width, "max_link_width": most, "current_link_speed": speed, "max_link_speed": speed}.items():
            self.file(f"{at}/{name}", f"{value}\n")

    def device(self, at, vendor, device, kind, subsystem=(0, 0)):
        for name, value in {"vendor": f"0x{vendor:04x}", "device": f"0x{device:04x}", "class": f"0x{kind:06x}",
                            "subsystem_vendor": f"0x{subsystem[0]:04x}", "subsystem_device": f"0x{subsystem[1]:04x}"}.items():
            self.file(f"{at}/{name}", value + "\n")

    def gpu(self, address, name, capability, memory, bar=256 << 20, **said):
        """What NVML says of one GPU."""
        one = {"index": len(self.gpus), "pci": address, "name": name, "uuid": f"GPU-00000000-0000-0000-0000-{len(self.gpus) + 1:012d}",
               "compute_capability": capability, "memory_bytes": memory, "memory_used_bytes": 0,
               "link": {"generation": 1, "max_generation": 4, "width": 16, "max_width": 16},
               "persistence": True, "mig": NOT_SUPPORTED, "ecc": NOT_SUPPORTED, "ecc_uncorrected": NOT_SUPPORTED,
               "power_limit_watts": 350.0, "power_default_watts": 350.0, "power_watts": 24.0, "temperature_celsius": 38.0,
               "nvlinks_active": NOT_SUPPORTED, "processes": 0, "bar1_bytes": bar, "row_remap_pending": NOT_SUPPORTED,
               "row_remap_failed": NOT_SUPPORTED, "clock_reasons": 1}
        one.update(said)
        self.gpus.append(one)
        return self

    def runs(self, version=NEW, gpus=(), flavour="open", libraries=None, cuda=None):
        """The driver is loaded; its libraries are there, of the same version unless said otherwise."""
        kind = "NVIDIA UNIX Open Kernel Module for x86_64" if flavour == "open" else "NVIDIA UNIX x86_64 Kernel Module"
        self.driver = version
        self.answer(["dmesg"], "")
        self.file("proc/driver/nvidia/version", f"NVRM version: {kind}  {version}  Release Build  (dvs-builder@host)\n")
        self.file("proc/driver/nvidia/gpus/.keep")
        for address in gpus:
            self.file(f"proc/driver/nvidia/gpus/{address}/.keep")
        self.file("proc/modules", "nvidia_uvm 4202496 0 - Live 0x0\nnvidia 14376960 1 nvidia_uvm, Live 0x0\n")
        self.cuda = len(gpus) if cuda is None else cuda
        return self.has_libraries(*(libraries or [version])).service("nvidia-persistenced").firmware(version)

    def has_libraries(self, *versions):
        for version in versions:
            self.file(f"{self.libraries}/libcuda.so.{version}").file(f"{self.libraries}/libnvidia-ml.so.{version}")
        return self

    def firmware(self, version):
        return self.file(f"lib/firmware/nvidia/{version}/gsp_ga10x.bin")

    def service(self, name):
        return self.file(f"etc/systemd/system/multi-user.target.wants/{name}.service")

    def has(self, *packages, held=False):
        for package in packages:
            name, version = package.split("=")
            self.packages[name] = (version, held)
        return self

    def env(self, path, python, **packages):
        """A virtual environment; of torch also the file that says what it was built for."""
        self.file(f"{path}/pyvenv.cfg", f"home = /usr/bin\nversion = {python}.4\n")
        site = f"{path}/lib/python{python}/site-packages"
        for name, version in packages.items():
            self.file(f"{site}/{name}-{version}.dist-info/.keep")
        torch = packages.get("torch")
        if torch:
            tag = torch.partition("+")[2]
            cuda = "None" if tag == "cpu" else f"'{tag[2:-1]}.{tag[-1]}'"
            self.file(f"{site}/torch/version.py", f"__version__ = '{torch}'\ncuda: Optional[str] = {cuda}\n")
        return self

    def done(self, recorded="2026-11-24T12:00:00Z"):
        status = "".join(f"Package: {name}\nStatus: {'hold' if held else 'install'} ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
                         for name, (version, held) in sorted(self.packages.items()))
        if self.red_hat:
            self.file("var/lib/rpm/.keep")
            rpm = "".join(f"{name}\t{version}\tx86_64\n" for name, (version, _) in sorted(self.packages.items()))
            self.answer(["rpm", "-qa", "--qf", RPM_FORMAT], rpm)
        else:
            self.file("var/lib/dpkg/status", status).file("var/lib/dpkg/updates/.keep")
        nvml = {"schema": "bringup.nvml/1", "driver_version": self.driver, "nvml_version": f"13.{self.driver}", "cuda_driver_version": self.speaks,
                "library_path": f"/{self.libraries}/libnvidia-ml.so.1", "gpus": self.gpus}
        if self.gpus:
            (self.folder / "gpus.json").write_text(json.dumps(nvml, indent=1) + "\n")
        else:
            error = self.nvml_error or {"error": 0, "message": "NVML: libnvidia-ml.so.1 is not there"}
            (self.folder / "gpus.json").write_text(json.dumps({"schema": "bringup.nvml/1", **error}, indent=1) + "\n")
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        cuda = f"gpus = {self.cuda}" if isinstance(self.cuda, int) else \
            f'kind = "{"failed" if self.cuda else "absent"}"\nwhy = "{self.cuda or "libcuda.so.1 is not there"}"'
        pytorch = f'how = "torch.cuda.device_count() in {self.pytorch[1]}"\ngpus = {self.pytorch[0]}' if self.pytorch else \
            'how = ""\nkind = "absent"\nwhy = "not asked: importing PyTorch takes seconds (--all asks)"'
        text = f"""# Written by make.py; doc/recording.md has the format.
recorded_at = "{recorded}"
kernel = "{self.kernel}"
arch = "x86_64"
cpus = {self.cpus}
user = "{self.user}"
home = "{home}"
uid = {0 if self.user == "root" else 1000}
gid = {0 if self.user == "root" else 1000}
root = {"true" if self.user == "root" else "false"}
shm_bytes = {self.shm}
environment = {json.dumps(self.environment)}

[cuda]
how = "cuDeviceGetCount in a child process"
{cuda}

[pytorch]
{pytorch}
"""
        for name, url in SOURCES:
            text += f'\n[[source]]\nname = "{name}"\nurl = "{url}"\nanswered_ms = 120\n'
        for path in (home, "/", "/boot", "/var", "/tmp"):
            text += f'\n[[disk]]\npath = "{path}"\nfree_bytes = {self.boot_free if path == "/boot" else self.free}\ntotal_bytes = {1_000_000_000 if path == "/boot" and self.boot_free < 1_000_000_000 else self.disk}\n'
        (self.folder / "recording.toml").write_text(text)

    def answer(self, argv, out):
        safe = "_".join("".join(c if c.isalnum() and c.isascii() or c in ".-+" else "~" for c in word) for word in argv)[:150]
        place = self.folder / "answers" / safe
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"exit 0\nout {len(out)}\n{out}err 0\n")


NOT_SUPPORTED = {"error": 3, "message": "NVML: Not Supported (3)"}
RPM_FORMAT = "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n"
SOURCES = [("nvidia", "https://developer.download.nvidia.com/compute/cuda/repos/"), ("distro", "http://archive.ubuntu.com/ubuntu/"),
           ("pypi", "https://pypi.org/simple/"), ("pytorch", "https://download.pytorch.org/whl/"), ("huggingface", "https://huggingface.co/")]
RELEASES = {
    "ubuntu2204": 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\n',
    "ubuntu2404": 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n',
    "debian12": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
    "rocky9": 'PRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"\nVERSION_ID="9.6"\nID="rocky"\nID_LIKE="rhel centos fedora"\n',
}

GIB = 1 << 30


def dkms_packages(machine, version=NEW, held=True):
    return machine.has("linux-generic=5.15.0.160.160" if "2204" in machine.folder.name else "linux-generic=6.8.0-87.87",
                       "linux-headers-generic=1", held=held).has(f"nvidia-open={version}-1", f"nvidia-dkms-open={version}-1", held=held)


def quiet(machine):
    """nouveau is kept away, as NVIDIA's packages do it."""
    return machine.file("usr/lib/modprobe.d/nvidia-installer-disable-nouveau.conf", "blacklist nouveau\noptions nouveau modeset=0\n")


def nouveau():
    m = Machine("nouveau-ubuntu2404", """A desktop with one RTX 3060 on a fresh Ubuntu 24.04 with its usual kernel: nouveau has the GPU, and there is no
        NVIDIA driver of any kind. The forecast says so too: nothing will change by a reboot.""", "ubuntu2404", "6.8.0-87-generic", cpus=12)
    m.kernel_here("6.8.0-87-generic").grub("6.8.0-87-generic")
    m.pci("0000:01:00.0", 0x2504, driver="nouveau", above=("0000:00:01.1",))
    m.file("proc/modules", "nouveau 2396160 3 - Live 0x0\n").has("linux-generic=6.8.0-87.87", "linux-headers-generic=6.8.0-87.87").done()


def fresh():
    m = Machine("fresh-ubuntu2404", """Two RTX 4090 in a server with the minimal Ubuntu 24.04: no driver, no nouveau (linux-modules-extra is not
        installed), no kernel headers, no compiler. Nothing holds the GPUs.""", "ubuntu2404", "6.8.0-87-generic")
    m.kernel_here("6.8.0-87-generic", headers=False, nouveau=False).grub("6.8.0-87-generic")
    for address, above in (("0000:01:00.0", "0000:00:01.1"), ("0000:41:00.0", "0000:40:01.1")):
        m.pci(address, 0x2684, driver=None, above=(above,))
    m.has("linux-image-virtual=6.8.0-87.87").done()


def mismatch():
    m = Machine("mismatch-ubuntu2204", f"""Two RTX A6000 after a night of unattended-upgrades: the driver's packages went from {OLD} to {NEW}, DKMS built the
        new module, and the old one is still loaded. NVML refuses; a reboot mends it, and the forecast says that it will.""",
                "ubuntu2204", "5.15.0-160-generic")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = ("0000:01:00.0", "0000:41:00.0")
    for address in addresses:
        m.pci(address, 0x2230, above=(address[:5] + address[5:6] + "0:01.1",))
    m.runs(OLD, addresses, libraries=[NEW], cuda="cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)")
    m.nvml_error = {"error": 12, "message": "NVML: Driver/library version mismatch (18)"}
    dkms_packages(quiet(m), held=False).service("dkms")
    m.file("run/reboot-required").file("run/reboot-required.pkgs", "nvidia-dkms-open\nlinux-base\n")
    m.file("etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n')
    m.file("etc/apt/apt.conf.d/50unattended-upgrades", '// what may come by itself\nUnattended-Upgrade::Allowed-Origins {\n'
           '\t"${distro_id}:${distro_codename}-security";\n//\t"${distro_id}:${distro_codename}-updates";\n};\nUnattended-Upgrade::Package-Blacklist {\n};\n')
    m.done()


def next_kernel():
    m = Machine("nextkernel-debian12", """One RTX 4090 on Debian 12 that works today on kernel 6.1.0-25. Kernel 6.1.0-28 has been installed since, without its
        headers, so that DKMS built no module for it: the next boot loses the GPU. /boot has room for no further kernel.""", "debian12", "6.1.0-25-amd64", cpus=16)
    m.kernel_here("6.1.0-25-amd64", module=NEW).kernel_here("6.1.0-28-amd64", headers=False).grub("6.1.0-28-amd64", "6.1.0-25-amd64")
    m.pci("0000:01:00.0", 0x2684, above=("0000:00:01.1",)).gpu("0000:01:00.0", "NVIDIA GeForce RTX 4090", "8.9", 24 * GIB, bar=32 * GIB,
                                                                power_limit_watts=450.0, power_default_watts=450.0)
    m.runs(gpus=["0000:01:00.0"]).service("dkms").boot_free = 90_000_000
    quiet(m).has("linux-image-amd64=6.1.119-1").has(f"nvidia-open={NEW}-1", f"nvidia-kernel-open-dkms={NEW}-1", held=True)
    m.file("etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main contrib non-free non-free-firmware\n").done()


def secure_boot():
    m = Machine("secureboot-ubuntu2204", """One RTX 4080 in a desktop with Secure Boot. DKMS built the module and nobody enrolled a key: it is not signed, the
        kernel refused it, and will refuse it again.""", "ubuntu2204", "6.8.0-87-generic", cpus=16)
    m.kernel_here("6.8.0-87-generic", module=NEW).grub("6.8.0-87-generic")
    m.file("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"\x06\0\0\0\x01")
    m.pci("0000:01:00.0", 0x2704, driver=None, above=("0000:00:01.1",)).has_libraries(NEW).firmware(NEW)
    m.nvml_error = {"error": 12, "message": "NVML: Driver Not Loaded (9)"}
    m.cuda = "cuInit: CUDA_ERROR_NO_DEVICE (100)"
    dkms_packages(quiet(m)).service("nvidia-persistenced").done()


def unconfirmed():
    m = Machine("unconfirmed-ubuntu2404", """One RTX 4090 with Secure Boot. DKMS built and signed the module with this machine's own key, and nobody has asked shim
        to trust that key: the kernel refuses the module.""", "ubuntu2404", "6.8.0-87-generic", cpus=16)
    m.kernel_here("6.8.0-87-generic", module=NEW, signer="desk Secure Boot Module Signature key").grub("6.8.0-87-generic")
    m.file("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"\x06\0\0\0\x01").file("var/lib/shim-signed/mok/MOK.der")
    m.answer(["mokutil", "--test-key", "/var/lib/shim-signed/mok/MOK.der"], "/var/lib/shim-signed/mok/MOK.der is not enrolled\n")
    m.pci("0000:01:00.0", 0x2684, driver=None, above=("0000:00:01.1",)).has_libraries(NEW).firmware(NEW)
    m.nvml_error = {"error": 12, "message": "NVML: Driver Not Loaded (9)"}
    m.cuda = "cuInit: CUDA_ERROR_NO_DEVICE (100)"
    dkms_packages(quiet(m)).service("nvidia-persistenced").done()


def four_3090():
    m = Machine("rtx3090x4-ubuntu2204", """Four RTX 3090 in one tower: three in slots of the processor with 16 lanes, the fourth in a slot with 4 lanes behind the
        chipset. The IOMMU translates (Debian's and Ubuntu's default on AMD), and one card is kept at 280 W of 350 W.""", "ubuntu2204", "5.15.0-160-generic")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    places = [("0000:01:00.0", ("0000:00:01.1",), 16), ("0000:21:00.0", ("0000:20:01.1",), 16),
              ("0000:41:00.0", ("0000:40:01.1",), 16), ("0000:09:00.0", ("0000:00:03.1", "0000:05:00.0", "0000:06:08.0"), 4)]
    for address, above, width in sorted(places):
        m.pci(address, 0x2204, above=above, width=width, iommu="DMA-FQ")
        m.gpu(address, "NVIDIA GeForce RTX 3090", "8.6", 24 * GIB, power_limit_watts=280.0 if width == 4 else 350.0,
              link={"generation": 1, "max_generation": 4, "width": width, "max_width": 16})
    m.runs(gpus=[p[0] for p in places]).file("usr/lib/systemd/systemd-logind")
    dkms_packages(quiet(m)).done()


def eight_a100():
    m = Machine("a100x8-nofabric-ubuntu2204", """Eight A100 SXM4 80GB on a board with six NVSwitches, and no Fabric Manager: the driver and NVML have all eight, CUDA
        does not start ('system not yet initialized'). Nothing keeps nouveau away either.""", "ubuntu2204", "5.15.0-160-generic", cpus=256, user="root", shm=1 << 40)
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = [f"0000:{bus:02x}:00.0" for bus in (0x07, 0x0f, 0x47, 0x4e, 0x87, 0x90, 0xb7, 0xbd)]
    for address in addresses:
        m.pci(address, 0x20b2, kind=0x030200, above=(f"0000:{address[5:6]}0:01.1",), iommu="identity", now=4)
        m.gpu(address, "NVIDIA A100-SXM4-80GB", "8.0", 80 * GIB, bar=128 * GIB, ecc=True, ecc_uncorrected=0, mig=False, nvlinks_active=12, row_remap_pending=False,
              row_remap_failed=False, power_limit_watts=400.0, power_default_watts=400.0, power_watts=60.0,
              link={"generation": 4, "max_generation": 4, "width": 16, "max_width": 16})
    for bus in range(0xc4, 0xca):
        m.pci(f"0000:{bus:02x}:00.0", 0x1af1, kind=0x068000, driver="nvidia-nvswitch", above=("0000:c0:01.1",), width=2, most=2)
    m.runs(gpus=addresses, cuda="cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802)")
    dkms_packages(m).done()


def v100_beside_5090():
    m = Machine("v100-rtx5090-ubuntu2404", """A V100 that was kept when an RTX 5090 came: the open modules that the 5090 needs have no support for Volta, and no
        driver serves both. The driver has one of the two.""", "ubuntu2404", "6.8.0-87-generic", cpus=24)
    m.kernel_here("6.8.0-87-generic", module=NEW).grub("6.8.0-87-generic")
    m.pci("0000:01:00.0", 0x2b85, generation=5, above=("0000:00:01.1",)).pci("0000:41:00.0", 0x1db6, kind=0x030200, driver=None, generation=3,
                                                                              above=("0000:40:01.1",))
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 5090", "12.0", 32 * GIB, bar=32 * GIB, power_limit_watts=575.0, power_default_watts=575.0,
          link={"generation": 1, "max_generation": 5, "width": 16, "max_width": 16})
    m.runs(gpus=["0000:01:00.0"])
    dkms_packages(quiet(m)).done()


def fallen_off():
    m = Machine("felloff-ubuntu2204", """Two RTX 4090, of which the second fell off the bus under load: its registers read as all ones, NVML says 'GPU is lost', and
        the kernel counted uncorrected PCIe errors before.""", "ubuntu2204", "5.15.0-160-generic")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    m.pci("0000:01:00.0", 0x2684, above=("0000:00:01.1",)).pci("0000:41:00.0", 0x2684, width=63, above=("0000:40:01.1",), aer=3)
    lost = {"error": 12, "message": "NVML: GPU is lost (15)"}
    well = {"power_limit_watts": 450.0, "power_default_watts": 450.0}
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 4090", "8.9", 24 * GIB, bar=32 * GIB, **well)
    m.gpu("0000:41:00.0", "", "8.9", 24 * GIB, **{key: lost for key in (
        "compute_capability", "memory_bytes", "memory_used_bytes", "link", "persistence", "mig", "ecc", "ecc_uncorrected", "power_limit_watts",
        "power_default_watts", "power_watts", "temperature_celsius", "nvlinks_active", "processes", "bar1_bytes", "row_remap_pending",
        "row_remap_failed", "clock_reasons")})
    m.runs(gpus=["0000:01:00.0", "0000:41:00.0"], cuda=1)
    m.answer(["dmesg"], "[ 8123.401] NVRM: Xid (PCI:0000:41:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n"
             "[ 8123.402] NVRM: Xid (PCI:0000:41:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)\n")
    dkms_packages(quiet(m)).done()


def laptop():
    m = Machine("laptop-ubuntu2404", """A laptop with an Intel GPU for the screen and an RTX 4070 Laptop GPU, switched to power saving with 'prime-select intel': the
        driver is installed whole and kept from loading.""", "ubuntu2404", "6.8.0-87-generic", cpus=16, shm=16 * GIB)
    m.kernel_here("6.8.0-87-generic", module=NEW).grub("6.8.0-87-generic")
    m.pci("0000:00:02.0", 0xa7a0, vendor=0x8086, driver="i915").pci("0000:01:00.0", 0x2820, driver=None, width=8, most=8,
                                                                     above=("0000:00:01.0",), bridge_vendor=0x8086, bridge=0xa72d)
    m.has_libraries(NEW).firmware(NEW)
    m.nvml_error = {"error": 12, "message": "NVML: Driver Not Loaded (9)"}
    m.cuda = "cuInit: CUDA_ERROR_NO_DEVICE (100)"
    m.file("usr/lib/modprobe.d/blacklist-nvidia.conf", "# Do not modify\n# This file was generated by nvidia-prime\nblacklist nvidia\n"
           "blacklist nvidia-drm\nblacklist nvidia-modeset\nalias nvidia off\nalias nvidia-drm off\nalias nvidia-modeset off\n")
    dkms_packages(quiet(m)).done()


def wsl():
    m = Machine("wsl2-ubuntu2204", """Ubuntu 22.04 in WSL2 on a PC with one RTX 4070: the driver is Windows', its libraries are mounted below /usr/lib/wsl/lib, and
        the bus shows no GPU. Nothing is wrong.""", "ubuntu2204", "5.15.167.4-microsoft-standard-WSL2", cpus=16, shm=8 * GIB)
    m.device("sys/bus/pci/devices/0000:00:00.0", 0x1414, 0x008e, 0x030200)
    m.driver = NEW
    m.file("usr/lib/wsl/lib/libcuda.so.1").file("usr/lib/wsl/lib/libnvidia-ml.so.1")
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 4070", "8.9", 12 * GIB, bar=256 << 20, power_limit_watts=200.0, power_default_watts=200.0)
    m.cuda = 1
    m.env("home/user/dl", "3.10", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130", numpy="2.2.6").done()


def one_of_eight():
    m = Machine("container1of8-ubuntu2204", """A container on a host with eight H100 that was given one of them: the bus shows all eight, the driver one, and
        /dev/shm has the 64 MiB of a container that asked for no more.""", "ubuntu2204", "5.15.0-160-generic", cpus=208, user="root", shm=64 << 20)
    m.file(".dockerenv")
    addresses = [f"0000:{bus:02x}:00.0" for bus in (0x19, 0x3b, 0x4c, 0x5d, 0x9b, 0xbb, 0xcb, 0xdb)]
    for address in addresses:
        m.pci(address, 0x2330, kind=0x030200, generation=5, now=5, above=(f"0000:{address[5:6]}0:01.1",), iommu="identity")
    m.runs(gpus=[addresses[3]]).gpu(addresses[3], "NVIDIA H100 80GB HBM3", "9.0", 80 * GIB, bar=128 * GIB, ecc=True, ecc_uncorrected=0, mig=False,
                                    row_remap_pending=False, row_remap_failed=False, power_limit_watts=700.0, power_default_watts=700.0,
                                    link={"generation": 5, "max_generation": 5, "width": 16, "max_width": 16})
    m.environment = ["NVIDIA_VISIBLE_DEVICES=3"]
    m.env("opt/dl", "3.10", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130").done()


def mig():
    m = Machine("mig-a100-ubuntu2204", """One A100 80GB PCIe in MIG mode, cut into instances: CUDA counts the first instance, so that the numbers agree and a program
        gets a part of the card all the same. Somebody switched ECC off.""", "ubuntu2204", "5.15.0-160-generic", user="root")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    m.pci("0000:41:00.0", 0x20b5, kind=0x030200, above=("0000:40:01.1",), now=4)
    m.gpu("0000:41:00.0", "NVIDIA A100 80GB PCIe", "8.0", 80 * GIB, bar=128 * GIB, mig=True, ecc=False, ecc_uncorrected=0, row_remap_pending=False,
          row_remap_failed=False, power_limit_watts=300.0, power_default_watts=300.0)
    m.runs(gpus=["0000:41:00.0"])
    dkms_packages(quiet(m)).done()


def runfile():
    m = Machine("runfile-ubuntu2204", f"""One RTX A5000: the driver {OLD} came with NVIDIA's runfile, and later somebody installed packages of {NEW} over it. Module and
        libraries of both lie on the disk, the firmware that the loaded module wants does not.""", "ubuntu2204", "5.15.0-160-generic", cpus=24)
    m.kernel_here("5.15.0-160-generic", module=OLD, directory="kernel/drivers/video").grub("5.15.0-160-generic")
    m.pci("0000:41:00.0", 0x2231, above=("0000:40:01.1",)).runs(OLD, ["0000:41:00.0"], libraries=[OLD, NEW])
    m.gpu("0000:41:00.0", "NVIDIA RTX A5000", "8.6", 24 * GIB, ecc=False, ecc_uncorrected=0, power_limit_watts=230.0, power_default_watts=230.0)
    shutil.rmtree(m.folder / "files/lib/firmware")
    m.firmware(NEW)
    m.file("usr/bin/nvidia-uninstall").file("usr/bin/nvidia-installer")
    quiet(m).has(f"libnvidia-compute-580={NEW}-0ubuntu0.22.04.1", f"nvidia-utils-580={NEW}-0ubuntu0.22.04.1", "linux-generic=5.15.0.160.160").done()


def poisoned():
    m = Machine("poisoned-ubuntu2204", """Two RTX A6000 that work, and a user's start file after years of advice from the web: an old CUDA, another cuDNN and
        the toolkit's stubs in LD_LIBRARY_PATH, CUDA_HOME of a toolkit that is gone, PYTHONPATH, and one GPU hidden for ever.""", "ubuntu2204", "5.15.0-160-generic")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    for address, above in (("0000:01:00.0", "0000:00:01.1"), ("0000:41:00.0", "0000:40:01.1")):
        m.pci(address, 0x2230, above=(above,)).gpu(address, "NVIDIA RTX A6000", "8.6", 48 * GIB, bar=64 * GIB, ecc=True, ecc_uncorrected=0,
                                                    power_limit_watts=300.0, power_default_watts=300.0)
    m.runs(gpus=["0000:01:00.0", "0000:41:00.0"], cuda=1)
    m.file("home/user/.bashrc", "alias ll='ls -l'\nexport CUDA_HOME=/usr/local/cuda-11.8\nexport PATH=$CUDA_HOME/bin:$PATH\n"
           "export LD_LIBRARY_PATH=/usr/local/cuda-11.8/lib64:/opt/cudnn-8.4/lib:/usr/local/cuda-11.8/lib64/stubs:$LD_LIBRARY_PATH\n"
           "export PYTHONPATH=/opt/old/site-packages\nexport CUDA_VISIBLE_DEVICES=0\n")
    m.environment = ["LD_LIBRARY_PATH=/usr/local/cuda-11.8/lib64:/opt/cudnn-8.4/lib:/usr/local/cuda-11.8/lib64/stubs:", "CUDA_HOME=/usr/local/cuda-11.8",
                     "CUDA_VISIBLE_DEVICES=0", "PYTHONPATH=/opt/old/site-packages"]
    m.env("home/user/dl", "3.10", torch="2.2.2+cu121", torchvision="0.17.2+cu121", torchaudio="2.2.2+cu121", numpy="2.2.6")
    site, parts = "home/user/dl/lib/python3.10/site-packages", ("ops_infer", "cnn_infer")
    m.file(f"{site}/torch/lib/libtorch_cuda.so", links_file(["libcublas.so.12", "libcudnn.so.8", "libnccl.so.2"],
           ["$ORIGIN/../../nvidia/cublas/lib", "$ORIGIN/../../nvidia/cudnn/lib", "$ORIGIN/../../nvidia/nccl/lib", "$ORIGIN"]))
    m.file(f"{site}/nvidia/cublas/lib/libcublas.so.12").file(f"{site}/nvidia/nccl/lib/libnccl.so.2")
    for directory in (f"{site}/nvidia/cudnn/lib", "opt/cudnn-8.4/lib"):
        for name in ("libcudnn.so.8", *(f"libcudnn_{part}.so.8" for part in parts)):
            m.file(f"{directory}/{name}")
    dkms_packages(quiet(m)).file("etc/ld.so.conf.d/cuda-stubs.conf", "/usr/local/cuda/lib64/stubs\n").done()


def cloud():
    m = Machine("cloud-a10gx8-ubuntu2204", """A virtual machine of a cloud with eight A10G, as its provider's image sets it up: nothing is wrong with it.""",
                "ubuntu2204", "6.8.0-1040-aws", cpus=192, user="root", shm=350 * GIB)
    m.file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n").file("sys/class/dmi/id/product_name", "g5.48xlarge\n")
    m.kernel_here("6.8.0-1040-aws", module=NEW, nouveau=False).grub("6.8.0-1040-aws")
    addresses = [f"0000:00:{slot:02x}.0" for slot in range(0x17, 0x1f)]
    for address in addresses:
        m.pci(address, 0x2237, kind=0x030200, now=4, node=-1)
        m.gpu(address, "NVIDIA A10G", "8.6", 24 * GIB, bar=32 * GIB, ecc=True, ecc_uncorrected=0, row_remap_pending=False, row_remap_failed=False,
              power_limit_watts=300.0, power_default_watts=300.0, link={"generation": 4, "max_generation": 4, "width": 8, "max_width": 8})
    m.runs(gpus=addresses)
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    quiet(m).has("linux-aws=6.8.0-1040.42", "linux-image-aws=6.8.0-1040.42", "linux-headers-aws=6.8.0-1040.42", f"nvidia-open={NEW}-1",
                 f"nvidia-dkms-open={NEW}-1", held=True)
    m.env("opt/dl", "3.10", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130", numpy="2.2.6").done()


def rocky():
    m = Machine("l40s-rocky9", """One L40S on Rocky Linux 9 with NVIDIA's repository: two kernels by the Boot Loader Specification, and the older one saved as the
        default, for which the module is there too. Nothing is wrong.""", "rocky9", "5.14.0-570.12.1.el9_6.x86_64", user="root")
    old, new = "5.14.0-570.12.1.el9_6.x86_64", "5.14.0-570.52.1.el9_6.x86_64"
    for release in (old, new):
        m.kernel_here(release, module=NEW, directory="extra")
        m.file(f"var/lib/dkms/nvidia/{NEW}/{release}/x86_64/module/nvidia.ko")
        m.file(f"boot/loader/entries/00000000000000000000000000000000-{release}.conf",
               f"title Rocky Linux ({release}) 9.6 (Blue Onyx)\nversion {release}\nlinux /vmlinuz-{release}\n")
    m.file("boot/grub2/grub.cfg", 'set default="${saved_entry}"\nblscfg\n')
    m.file("boot/grub2/grubenv", f"saved_entry=00000000000000000000000000000000-{old}\n").file("etc/default/grub", "GRUB_DEFAULT=saved\n")
    m.pci("0000:41:00.0", 0x26b9, kind=0x030200, now=4, above=("0000:40:01.1",))
    m.gpu("0000:41:00.0", "NVIDIA L40S", "8.9", 48 * GIB, bar=64 * GIB, ecc=True, ecc_uncorrected=0, row_remap_pending=False, row_remap_failed=False)
    m.runs(gpus=["0000:41:00.0"])
    quiet(m).has(f"kmod-nvidia-open-dkms={NEW}-1.el9", f"nvidia-driver-cuda={NEW}-1.el9", "kernel-devel=5.14.0-570.52.1.el9_6",
                 "kernel-core=5.14.0-570.52.1.el9_6").done()


def eight_h100():
    m = Machine("h100x8-fabric-ubuntu2204", f"""Eight H100 SXM5 on a board with four NVSwitches: somebody upgraded the driver to {NEW} and left Fabric Manager at {OLD}, which
        refuses to start; CUDA does not either. One GPU is held back by the machine's power brake: a power supply has failed.""",
                "ubuntu2204", "5.15.0-160-generic", cpus=208, user="root", shm=1 << 40)
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = [f"0000:{bus:02x}:00.0" for bus in (0x19, 0x3b, 0x4c, 0x5d, 0x9b, 0xbb, 0xcb, 0xdb)]
    for address in addresses:
        m.pci(address, 0x2330, kind=0x030200, generation=5, now=5, above=(f"0000:{address[5:6]}0:01.1",), iommu="identity")
        m.gpu(address, "NVIDIA H100 80GB HBM3", "9.0", 80 * GIB, bar=128 * GIB, ecc=True, ecc_uncorrected=0, mig=False, nvlinks_active=18, row_remap_pending=False,
              row_remap_failed=False, power_limit_watts=700.0, power_default_watts=700.0, power_watts=70.0,
              clock_reasons=0x88 if address == addresses[-1] else 1, link={"generation": 5, "max_generation": 5, "width": 16, "max_width": 16})
    for bus in range(0x05, 0x09):
        m.pci(f"0000:{bus:02x}:00.0", 0x22a3, kind=0x068000, driver="nvidia-nvswitch", above=("0000:00:01.1",), width=2, most=2)
    m.runs(gpus=addresses, cuda="cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802)").service("nvidia-fabricmanager")
    m.file("run/systemd/timesync/.keep")
    dkms_packages(quiet(m)).has(f"nvidia-fabricmanager-580={OLD}-1").done()


def vgpu():
    m = Machine("vgpu-ubuntu2204", """A virtual machine that was given a part of an A40 (NVIDIA vGPU), with the guest driver of NVIDIA's vGPU software and without
        DKMS's packages: nothing is wrong with it. A licence is its owner's business.""", "ubuntu2204", "5.15.0-160-generic", cpus=8, shm=16 * GIB)
    m.file("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n").file("sys/class/dmi/id/product_name", "VMware7,1\n")
    m.kernel_here("5.15.0-160-generic", module=NEW, licence="NVIDIA", nouveau=False).grub("5.15.0-160-generic")
    m.pci("0000:02:00.0", 0x2235, kind=0x030000, node=-1, subsystem=(0x10de, 0x14d9), now=4)
    m.gpu("0000:02:00.0", "NVIDIA A40-24C", "8.6", 24 * GIB, bar=32 * GIB, power_limit_watts=NOT_SUPPORTED, power_default_watts=NOT_SUPPORTED,
          power_watts=NOT_SUPPORTED, temperature_celsius=NOT_SUPPORTED, persistence=True, link=NOT_SUPPORTED)
    m.runs(gpus=["0000:02:00.0"], flavour="proprietary")
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    quiet(m).has("linux-generic=5.15.0.160.160", "linux-headers-generic=1", held=True).has(f"nvidia-linux-grid-580={NEW}", held=True)
    m.env("home/user/dl", "3.10", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130", numpy="2.2.6").done()


def automatic():
    m = Machine("automatic-rocky9", """Two RTX A4000 on Rocky Linux 9 on a desk: dnf-automatic installs every update by itself, conda's environment finds an older torch
        in ~/.local first, and a riser makes one link mend errors all day.""", "rocky9", "5.14.0-570.52.1.el9_6.x86_64", cpus=16)
    release = "5.14.0-570.52.1.el9_6.x86_64"
    m.kernel_here(release, module=NEW, directory="extra").file(f"var/lib/dkms/nvidia/{NEW}/{release}/x86_64/module/nvidia.ko")
    m.file(f"boot/loader/entries/00000000000000000000000000000000-{release}.conf", f"title Rocky Linux ({release}) 9.6 (Blue Onyx)\nversion {release}\nlinux /vmlinuz-{release}\n")
    m.file("boot/grub2/grub.cfg", 'set default="${saved_entry}"\nblscfg\n').file("boot/grub2/grubenv", "").file("etc/default/grub", "GRUB_DEFAULT=saved\n")
    for address, above, mended in (("0000:01:00.0", "0000:00:01.1", 3), ("0000:41:00.0", "0000:40:01.1", 48211)):
        m.pci(address, 0x24b0, above=(above,), mended=mended)
        m.gpu(address, "NVIDIA RTX A4000", "8.6", 16 * GIB, bar=16 * GIB, ecc=True, ecc_uncorrected=0, power_limit_watts=140.0, power_default_watts=140.0)
    m.runs(gpus=["0000:01:00.0", "0000:41:00.0"])
    m.file("run/systemd/timesync/synchronized")
    m.file("etc/systemd/system/timers.target.wants/dnf-automatic.timer").file("etc/dnf/automatic.conf", "[commands]\nupgrade_type = default\napply_updates = yes\n")
    m.file("etc/dnf/dnf.conf", "[main]\ngpgcheck=1\nexcludepkgs=kernel*\n")
    site = "home/user/.local/lib/python3.11/site-packages"
    m.file(f"{site}/torch-2.2.2.dist-info/.keep")
    m.file("home/user/miniforge3/conda-meta/conda-25.3.1-py311.json")
    conda = "home/user/miniforge3/envs/dl"
    m.file(f"{conda}/conda-meta/.keep").file(f"{conda}/lib/python3.11/site-packages/torch-2.14.1.dist-info/.keep")
    m.file(f"{conda}/lib/python3.11/site-packages/torch/version.py", "__version__ = '2.14.1+cu130'\ncuda: Optional[str] = '13.0'\n")
    quiet(m).has(f"kmod-nvidia-open-dkms={NEW}-1.el9", f"nvidia-driver-cuda={NEW}-1.el9", f"kernel-devel={release[:-7]}", f"kernel-core={release[:-7]}").done()


def worn():
    m = Machine("worn-a100x4-ubuntu2204", """A server that has run for years: four A100 SXM4 40GB, of which one has uncorrected memory errors and waits for a reset, one has no
        spare rows left, one is hot, stands in an older slot and lost links. Nobody reset what a job had left on the first. InfiniBand without nvidia-peermem, too
        little memory for a checkpoint, and firmware that does not tell where the cards are near.""", "ubuntu2204", "5.15.0-160-generic", cpus=64)
    m.kernel_here("5.15.0-160-generic", module=NEW, licence="NVIDIA").grub("5.15.0-160-generic")
    m.file("sys/devices/system/node/node1/.keep").file("proc/meminfo", "MemTotal:       32780288 kB\n").file("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
    said = ({"memory_used_bytes": 21 * GIB}, {"ecc_uncorrected": 3, "row_remap_pending": True}, {"row_remap_failed": True},
            {"temperature_celsius": 93.0, "nvlinks_active": 8, "link": {"generation": 1, "max_generation": 3, "width": 16, "max_width": 16}})
    addresses = [f"0000:{bus:02x}:00.0" for bus in (0x07, 0x0f, 0x47, 0x4e)]
    for address, more in zip(addresses, said):
        m.pci(address, 0x20b0, kind=0x030200, above=(f"0000:{address[5:6]}0:01.1",), node=-1, iommu="identity")
        m.gpu(address, "NVIDIA A100-SXM4-40GB", "8.0", 40 * GIB, **{"bar": 64 * GIB, "ecc": True, "ecc_uncorrected": 0, "mig": False, "row_remap_pending": False,
              "row_remap_failed": False, "power_limit_watts": 400.0, "power_default_watts": 400.0, "power_watts": 55.0, "nvlinks_active": 12, "persistence": False, **more})
    m.pci("0000:8b:00.0", 0x101b, kind=0x020700, driver="mlx5_core", vendor=0x15b3, above=("0000:80:01.1",), subsystem=(0x15b3, 0x0007))
    m.runs(gpus=addresses, flavour="proprietary")
    quiet(m).has("linux-generic=5.15.0.160.160", "linux-headers-generic=1", f"nvidia-dkms-580={NEW}-0ubuntu0.22.04.1", held=True).done()


def crowded():
    m = Machine("crowded-ubuntu2204", """One RTX 5090 and four environments that grew by 'pip install': a torchvision of another CUDA, a torch older than the card, two
        exllamas in one with cuDNN and NumPy twice, torchtune. cuda-compat is searched, and the compiler is newer than the toolkit.""", "ubuntu2204", "6.8.0-87-generic")
    m.kernel_here("6.8.0-87-generic", module=NEW).grub("6.8.0-87-generic")
    m.pci("0000:01:00.0", 0x2b85, generation=5, above=("0000:00:01.1",))
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 5090", "12.0", 32 * GIB, bar=32 * GIB, power_limit_watts=575.0, power_default_watts=575.0,
          link={"generation": 1, "max_generation": 5, "width": 16, "max_width": 16})
    m.runs(gpus=["0000:01:00.0"]).file("etc/ld.so.conf.d/compat.conf", "/usr/local/cuda/compat\n")
    m.file("usr/local/cuda-12.4/bin/nvcc").file("usr/bin/gcc-14").link("usr/bin/gcc", "gcc-14")
    m.env("home/user/vision", "3.10", **{"torch": "2.14.1+cu130", "torchvision": "0.29.1+cu128"})
    m.env("home/user/old", "3.10", torch="2.6.0+cu124", torchvision="0.21.0+cu124", torchaudio="2.6.0+cu124")
    m.env("home/user/llama", "3.10", **{"torch": "2.11.0+cu130", "exllamav2": "0.3.2", "exllamav3": "1.6.5", "numpy": "1.26.4",
                                        "nvidia_cudnn_cu12": "9.10.2.21", "nvidia_cudnn_cu13": "9.19.0.56"})
    m.file("home/user/llama/lib/python3.10/site-packages/numpy-2.2.6.dist-info/.keep")
    m.env("home/user/tune", "3.10", torch="2.11.0+cu130", torchtune="0.6.1", torchao="0.18.0")
    dkms_packages(quiet(m)).has("cuda-toolkit-12-4=12.4.1-1", "gcc-14=14.2.0").done()


def halfway():
    m = Machine("halfway-ubuntu2204", """One RTX A5000 on which an upgrade of the driver was broken off: dpkg was interrupted, one package is unpacked alone, and the
        others are of two versions. The distribution's toolkit stands beside NVIDIA's.""", "ubuntu2204", "5.15.0-160-generic")
    m.kernel_here("5.15.0-160-generic", module=OLD).grub("5.15.0-160-generic")
    m.pci("0000:41:00.0", 0x2231, above=("0000:40:01.1",))
    m.gpu("0000:41:00.0", "NVIDIA RTX A5000", "8.6", 24 * GIB, bar=32 * GIB, ecc=True, ecc_uncorrected=0, power_limit_watts=230.0, power_default_watts=230.0)
    m.runs(version=OLD, gpus=["0000:41:00.0"])
    m.file("usr/bin/nvcc").file("usr/local/cuda-12.4/bin/nvcc").link("usr/bin/gcc", "gcc-11").file("usr/bin/gcc-11")
    dkms_packages(quiet(m), version=OLD).has(f"libnvidia-compute-580={NEW}-0ubuntu0.22.04.1", "nvidia-cuda-toolkit=11.5.1-1ubuntu1", "cuda-toolkit-12-4=12.4.1-1").done()
    m.file("var/lib/dpkg/updates/0001", "Package: nvidia-utils-580\n")
    status = m.folder / "files/var/lib/dpkg/status"
    status.write_text(status.read_text() + f"Package: nvidia-utils-580\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: {NEW}-0ubuntu0.22.04.1\n\n")


def old_driver():
    m = Machine("olddriver-ubuntu2404", """An RTX 5090 that came in early 2025 with its driver, kept at 570.86.16 ever since, and an RTX 5060 Ti from later, which that driver
        does not know yet. CUDA 13.0 and a torch of today were installed without a look at the driver: PyTorch counts no GPU.""",
                "ubuntu2404", "6.8.0-87-generic", cpus=24)
    version = "570.86.16"
    m.kernel_here("6.8.0-87-generic", module=version).grub("6.8.0-87-generic")
    m.pci("0000:01:00.0", 0x2b85, generation=5, above=("0000:00:01.1",)).pci("0000:41:00.0", 0x2d04, driver=None, width=8, most=8, generation=5,
                                                                              above=("0000:40:01.1",))
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 5090", "12.0", 32 * GIB, bar=32 * GIB, power_limit_watts=575.0, power_default_watts=575.0,
          link={"generation": 1, "max_generation": 5, "width": 16, "max_width": 16})
    m.runs(version, ["0000:01:00.0"]).speaks = 12080
    m.file("usr/local/cuda-13.0/bin/nvcc").file("usr/bin/gcc-13").link("usr/bin/gcc", "gcc-13")
    m.env("home/user/dl", "3.12", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130", numpy="2.2.6")
    m.pytorch = (0, "/home/user/dl")
    dkms_packages(quiet(m), version=version).has("cuda-toolkit-13-0=13.0.2-1").done()


def left_behind():
    m = Machine("leftbehind-ubuntu2204", """A GTX 1080 Ti beside an RTX 3090. Both worked until the driver was upgraded to 590, which drives Turing and later: the older card is
        on the bus, and nothing has it any more. The CUDA 11.8 of its days is still the only toolkit.""", "ubuntu2204", "5.15.0-160-generic", cpus=24)
    version = "590.44.01"
    m.kernel_here("5.15.0-160-generic", module=version).grub("5.15.0-160-generic")
    m.pci("0000:01:00.0", 0x2204, above=("0000:00:01.1",)).pci("0000:41:00.0", 0x1b06, driver=None, generation=3, above=("0000:40:01.1",))
    m.gpu("0000:01:00.0", "NVIDIA GeForce RTX 3090", "8.6", 24 * GIB, bar=32 * GIB)
    m.runs(version, ["0000:01:00.0"]).speaks = 13010
    m.file("usr/local/cuda-11.8/bin/nvcc").file("usr/bin/gcc-11").link("usr/bin/gcc", "gcc-11")
    dkms_packages(quiet(m), version=version).has("cuda-toolkit-11-8=11.8.0-1").done()


def new_card():
    m = Machine("newcard-debian12", """A smallest image of Debian 12, without Python and with little room, and a GPU that is newer than the catalog: what may be installed for it
        is not guessed.""", "debian12", "6.1.0-25-amd64", cpus=16)
    (m.folder / "files/usr/bin/python3.11").unlink()
    m.kernel_here("6.1.0-25-amd64", headers=False, nouveau=False).grub("6.1.0-25-amd64")
    m.pci("0000:01:00.0", 0x3f85, driver=None, generation=5, above=("0000:00:01.1",))
    m.free, m.disk, m.boot_free = 6_000_000_000, 10_000_000_000, 6_000_000_000
    m.has("linux-image-amd64=6.1.119-1").done()


def fabric_off():
    m = Machine("h200x8-fabricoff-ubuntu2204", f"""Eight H200 SXM on a board with four NVSwitches after its first reboot: Fabric Manager is there in the right version and was only
        ever started by hand, so CUDA does not start. The cluster's recipe also left an nvidia-imex of {OLD} beside driver {NEW}.""",
                "ubuntu2204", "5.15.0-160-generic", cpus=208, user="root", shm=1 << 40)
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = [f"0000:{bus:02x}:00.0" for bus in (0x19, 0x3b, 0x4c, 0x5d, 0x9b, 0xbb, 0xcb, 0xdb)]
    for address in addresses:
        m.pci(address, 0x2335, kind=0x030200, generation=5, now=5, above=(f"0000:{address[5:6]}0:01.1",), iommu="identity")
        m.gpu(address, "NVIDIA H200", "9.0", 141 * GIB, bar=256 * GIB, ecc=True, ecc_uncorrected=0, mig=False, nvlinks_active=18, row_remap_pending=False,
              row_remap_failed=False, power_limit_watts=700.0, power_default_watts=700.0, power_watts=75.0,
              link={"generation": 5, "max_generation": 5, "width": 16, "max_width": 16})
    for bus in range(0x05, 0x09):
        m.pci(f"0000:{bus:02x}:00.0", 0x22a3, kind=0x068000, driver="nvidia-nvswitch", above=("0000:00:01.1",), width=2, most=2)
    m.runs(gpus=addresses, cuda="cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802)")
    m.file("run/systemd/timesync/synchronized")
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    dkms_packages(quiet(m)).has(f"nvidia-fabricmanager-580={NEW}-1", f"nvidia-imex-580={OLD}-1").done()


def no_libraries():
    m = Machine("containerbare-ubuntu2204", """A container that was started with '--device /dev/nvidia0' and without NVIDIA's runtime: the host's module shows itself in /proc, and
        no library of the driver is there.""", "ubuntu2204", "5.15.0-160-generic", cpus=32, user="root")
    m.file(".dockerenv")
    m.pci("0000:41:00.0", 0x2231, above=("0000:40:01.1",)).runs(gpus=["0000:41:00.0"]).cuda = None
    for library in ("libcuda", "libnvidia-ml"):
        (m.folder / f"files/{m.libraries}/{library}.so.{NEW}").unlink()
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    m.env("opt/dl", "3.10", torch="2.14.1+cu130", torchvision="0.29.1+cu130", torchaudio="2.11.0+cu130", numpy="2.2.6").done()


def init_failed():
    m = Machine("initfailed-ubuntu2204", """Four RTX A5000, of which the third lost its power plug when the fourth was put in: the driver has it, every start of it fails
        (RmInitAdapter), and NVML and CUDA go on with three.""", "ubuntu2204", "5.15.0-160-generic", cpus=48)
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = ["0000:01:00.0", "0000:21:00.0", "0000:41:00.0", "0000:61:00.0"]
    for address in addresses:
        m.pci(address, 0x2231, above=(f"0000:{address[5:6]}0:01.1",))
        if address != addresses[2]:
            m.gpu(address, "NVIDIA RTX A5000", "8.6", 24 * GIB, bar=32 * GIB, ecc=True, ecc_uncorrected=0, power_limit_watts=230.0, power_default_watts=230.0)
    m.runs(gpus=addresses, cuda=3)
    m.answer(["dmesg"], "[   61.120] NVRM: GPU 0000:41:00.0: RmInitAdapter failed! (0x24:0x65:1477)\n"
             "[   61.121] NVRM: GPU 0000:41:00.0: rm_init_adapter failed, device minor number 2\n")
    dkms_packages(quiet(m)).done()


def wsl_driver():
    m = Machine("wsl2driver-ubuntu2204", """Ubuntu 22.04 in WSL2 in which somebody installed Ubuntu's driver for Linux, as a guide for servers says: its libraries stand before
        those that Windows brings, and speak to a module that WSL's kernel does not have.""", "ubuntu2204", "5.15.167.4-microsoft-standard-WSL2", cpus=16, shm=8 * GIB)
    m.device("sys/bus/pci/devices/0000:00:00.0", 0x1414, 0x008e, 0x030200)
    m.file("usr/lib/wsl/lib/libcuda.so.1").file("usr/lib/wsl/lib/libnvidia-ml.so.1").has_libraries(NEW)
    m.nvml_error = {"error": 12, "message": "NVML: Driver Not Loaded (9)"}
    m.cuda = "cuInit: CUDA_ERROR_NO_DEVICE (100)"
    m.has(f"libnvidia-compute-580={NEW}-0ubuntu0.22.04.1", f"nvidia-driver-580={NEW}-0ubuntu0.22.04.1", f"nvidia-dkms-580={NEW}-0ubuntu0.22.04.1").done()


def access_control():
    m = Machine("acs-ubuntu2204", """Four RTX A6000 in pairs below two PCIe switches. The firmware of this server switches access control (ACS) on for virtual machines that
        nobody runs: what one card sends to its neighbour goes up to the processor and down again. The cable of the second switch is worn: its link to the
        processor came up with half of its lanes. All works, at half the speed.""",
                "ubuntu2204", "5.15.0-160-generic", cpus=64, user="root")
    m.kernel_here("5.15.0-160-generic", module=NEW).grub("5.15.0-160-generic")
    addresses = []
    for bus in (0x40, 0x80):
        for port in (0x08, 0x10):
            address = f"0000:{bus + 3 + port // 16:02x}:00.0"
            m.pci(address, 0x2230, above=(f"0000:{bus:02x}:01.1", f"0000:{bus + 1:02x}:00.0", f"0000:{bus + 2:02x}:{port:02x}.0"), iommu="identity", acs=0x1d,
                  uplink=(16 if bus == 0x40 else 8, 16), bridge_vendor=0x10b5, bridge=0x8796)
            m.gpu(address, "NVIDIA RTX A6000", "8.6", 48 * GIB, bar=64 * GIB, ecc=True, ecc_uncorrected=0, power_limit_watts=300.0, power_default_watts=300.0)
            addresses.append(address)
    m.runs(gpus=addresses)
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    dkms_packages(quiet(m)).done()


def other_kernel():
    m = Machine("otherkernel-ubuntu2204", """Two RTX A6000 on kernels of the site's own make, which carry no versions of symbols. The new one was installed with
        its link 'build' to the old one's headers, and DKMS said that all went well: the module below the new kernel is the old kernel's. The next boot loses
        the GPUs.""", "ubuntu2204", "6.6.58-site", cpus=64, user="root")
    m.kernel_here("6.6.58-site", module=NEW, versioned=False)
    m.kernel_here("6.6.63-site", module=NEW, versioned=False, built_for="6.6.58-site").grub("6.6.63-site", "6.6.58-site")
    addresses = ("0000:01:00.0", "0000:41:00.0")
    for address in addresses:
        m.pci(address, 0x2230, above=(address[:6] + "0:01.1",), iommu="identity")
        m.gpu(address, "NVIDIA RTX A6000", "8.6", 48 * GIB, bar=64 * GIB, ecc=True, ecc_uncorrected=0, power_limit_watts=300.0, power_default_watts=300.0)
    m.runs(gpus=addresses)
    m.file("proc/self/limits", "Max open files            1048576              1048576              files\nMax locked memory         unlimited            "
           "unlimited            bytes\n")
    quiet(m).has(f"nvidia-open={NEW}-1", f"nvidia-dkms-open={NEW}-1", held=True).done()


for make in (nouveau, fresh, mismatch, next_kernel, secure_boot, unconfirmed, four_3090, eight_a100, v100_beside_5090, fallen_off, laptop, wsl, one_of_eight, mig,
             runfile, poisoned, cloud, rocky, eight_h100, vgpu, automatic, worn, crowded, halfway,
             old_driver, left_behind, new_card, fabric_off, no_libraries, init_failed, wsl_driver, access_control, other_kernel):
    make()
