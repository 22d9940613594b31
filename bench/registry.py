"""Pushing and pulling: stave and skopeo against one Debian docker-registry on the
loopback, in memory. The image is the same layout for both; each push meets a registry
that holds nothing, each pull a directory that is not there.
"""

import glob
import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request

import measure
import workloads
from contenders import Contender, slug

LAYERS = 12
LAYER_BYTES = 85 << 20  # 12 of them are a gigabyte
SHORT_LAYER_BYTES = 1 << 20


def make_image(bench):
    """An image of twelve layers whose content does not compress, as the layout `image` of the scenario; its path."""
    layout = os.path.join(bench.here, "image")
    size = SHORT_LAYER_BYTES if bench.options.short else LAYER_BYTES
    noise = random.Random(1)
    words = []
    for number in range(LAYERS):
        directory = os.path.join(bench.here, f"layer-{number}")
        os.mkdir(directory)
        with open(os.path.join(directory, f"noise-{number}"), "wb") as file:
            for _ in range(size >> 20):
                file.write(noise.randbytes(1 << 20))
        words += ["--layer", directory]
    environment = {"STAVE_STORE": bench.here + "/making", "XDG_CACHE_HOME": bench.here + "/making-cache"}
    stave = bench.staves[0][1]
    bench.runner.run([stave, "pack", "-q", "--no-cache", "-t", "x", *words], environment)
    bench.runner.run([stave, "copy", "-q", "x", f"oci:{layout}:x"], environment)
    for made in (*glob.glob(bench.here + "/layer-*"), bench.here + "/making"):
        workloads.remove(made)
    return layout


class Registry:
    """docker-registry on a port of the loopback, with its data in the scenario's directory."""

    def __init__(self, bench):
        self.bench = bench
        self.root = os.path.join(bench.here, "registry")
        self.daemon = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"

    def start(self):
        """Starts it with nothing in it."""
        self.stop()
        os.makedirs(self.root)
        config = os.path.join(self.root, "config.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                       f"storage: {{filesystem: {{rootdirectory: {self.root}/data}}}}\n"
                       f"http: {{addr: \"{self.address}\"}}\n")  # fmt: skip
        self.daemon = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)  # fmt: skip
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/").close()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise measure.Wrong("docker-registry does not answer")

    def stop(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
            self.daemon = None
        workloads.remove(self.root)

    def name(self, tag="x"):
        return f"docker://{self.address}/bench/image:{tag}"

    def digest(self, tag="x"):
        return self.bench.runner.ask(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", self.name(tag)])


def digest_of(bench, layout):
    return bench.runner.ask(["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{layout}:x"])


def both(bench, stave, skopeo):
    """stave(label, program) and skopeo() as contenders."""
    needs = ["docker-registry", "skopeo"]
    return bench.those(*((needs, lambda label=label, program=program: stave(label, program)) for label, program in bench.staves),
                       (needs, skopeo))  # fmt: skip


def push(bench):
    if not (bench.has("docker-registry") and bench.has("skopeo")):
        return both(bench, None, None)
    layout, registry = make_image(bench), Registry(bench)
    bench.at_leave.append(registry.stop)
    wanted = digest_of(bench, layout)

    def check(_):
        seen = registry.digest()
        if seen != wanted:
            raise measure.Wrong(f"pushed {wanted}, the registry has {seen}")

    def contender(name, peer, command, environment):
        return Contender(name, peer, command, registry.start, None, check, registry.stop, environment)

    def stave(label, program):
        environment = {"STAVE_STORE": bench.here + "/store", "XDG_CACHE_HOME": f"{bench.here}/{slug(label)}-cache"}
        return contender(f"{label} copy", "stave", [program, "copy", "-q", "--tls-verify=false", f"oci:{layout}:x", registry.name()],
                         environment)  # fmt: skip

    return both(bench, stave, lambda: contender(
        "skopeo copy", "skopeo", ["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:x", registry.name()], {}))


def pull(bench):
    if not (bench.has("docker-registry") and bench.has("skopeo")):
        return both(bench, None, None)
    layout, registry = make_image(bench), Registry(bench)
    wanted = digest_of(bench, layout)
    registry.start()
    bench.at_leave.append(registry.stop)
    bench.runner.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:x", registry.name()])
    workloads.remove(layout)
    target = os.path.join(bench.here, "pulled")
    remove = lambda: workloads.remove(target)  # noqa: E731

    def check(_):
        seen = digest_of(bench, target)
        if seen != wanted:
            raise measure.Wrong(f"the registry has {wanted}, pulled {seen}")

    def contender(name, peer, command, environment):
        return Contender(name, peer, command, remove, None, check, remove, environment)

    def stave(label, program):
        environment = {"STAVE_STORE": bench.here + "/store", "XDG_CACHE_HOME": f"{bench.here}/{slug(label)}-cache"}
        return contender(f"{label} copy", "stave", [program, "copy", "-q", "--tls-verify=false", registry.name(), f"oci:{target}:x"],
                         environment)  # fmt: skip

    return both(bench, stave, lambda: contender(
        "skopeo copy", "skopeo", ["skopeo", "copy", "-q", "--src-tls-verify=false", registry.name(), f"oci:{target}:x"], {}))
