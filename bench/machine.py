"""What a figure depends on besides the program: processors, memory, kernel, the
versions of everything that was measured. Goes into the JSON and into the line
under each table; never a name of the machine or a path on it.
"""

import os
import platform
import re

import measure

# How each program tells its version; gzip and others say it in the first line.
VERSIONS = {
    "stave": ["version"],
    "umoci": ["--version"],
    "buildah": ["--version"],
    "skopeo": ["--version"],
    "tar": ["--version"],
    "pigz": ["--version"],
    "unpigz": ["--version"],
    "gzip": ["--version"],
    "zstd": ["--version"],
    "diff": ["--version"],
}


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return None
    return match[1].strip() if match else None


def file_system(path):
    """The type of the file system that holds `path`: the longest mount point above it, from /proc/self/mounts."""
    best, kind = "", "unknown"
    real = os.path.realpath(path)
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, place, fs = line.split(" ")[:3]
            if (real + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best):
                best, kind = place, fs
    return kind


def facts():
    system = os.uname()
    return {
        "processor": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0) * 1024,
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)') or "unknown",
        "load": os.getloadavg()[0],
    }


def versions(runner, programs):
    """{program: version} of those that are there; `programs` maps names to paths or to None."""
    found = {}
    for name, path in programs.items():
        if path is None:
            continue
        try:
            text = runner.ask([path, *VERSIONS.get(name, ["version"])])
        except measure.Wrong:
            continue
        match = re.search(r"\d+(\.\d+)+[^\s,)]*", text or runner.errors())
        found[name] = match[0] if match else (text or "unknown").splitlines()[0]
    return found
