"""The keys that livekit-server's strict configuration knows, read from its own source by reflection.

    python scripts/server_schema.py

Writes src/lkdoctor/config/server_schema.json. Needs Go, and the module sources that
`go install` of the servers leaves behind (`make servers`).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from servers import VERSIONS  # noqa: E402 - the one list of versions

TARGET = ROOT / "src" / "lkdoctor" / "config" / "server_schema.json"

PROGRAM = """
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	"github.com/livekit/livekit-server/pkg/config"
	"gopkg.in/yaml.v3"
)

var own = reflect.TypeOf((*yaml.Unmarshaler)(nil)).Elem()

func walk(path string, t reflect.Type, out map[string]string) {
	if t.Kind() == reflect.Ptr {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(own) {
		out[path] = map[string]string{"PortRange": "ports", "NodeIP": "addresses"}[t.Name()]
		if out[path] == "" {
			out[path] = "any"
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if path != "" {
			out[path] = "mapping"
		}
		fields(path, t, out)
	case reflect.Slice:
		out[path] = "list"
		walk(path+"[]", t.Elem(), out)
	case reflect.Map:
		out[path] = "map"
		walk(path+".*", t.Elem(), out)
	case reflect.Int64:
		out[path] = "int64"
		if t.String() == "time.Duration" {
			out[path] = "duration"
		}
	default:
		out[path] = t.Kind().String()
	}
}

func fields(path string, t reflect.Type, out map[string]string) {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		if f.PkgPath != "" && !f.Anonymous {
			continue
		}
		parts := strings.Split(f.Tag.Get("yaml"), ",")
		if parts[0] == "-" {
			continue
		}
		if len(parts) > 1 && parts[1] == "inline" {
			fields(path, f.Type, out)
			continue
		}
		name := parts[0]
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		if path != "" {
			name = path + "." + name
		}
		walk(name, f.Type, out)
	}
}

func main() {
	out := map[string]string{}
	walk("", reflect.TypeOf(config.Config{}), out)
	delete(out, "")
	json.NewEncoder(os.Stdout).Encode(out)
}
"""


def go(*arguments: str, cwd: Path | None = None) -> str:
    environ = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "auto"}
    done = subprocess.run(
        ["go", *arguments], cwd=cwd, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout


def keys_of(version: str) -> dict[str, str]:
    """Every key of this version, with the kind of its value."""
    module = f"github.com/livekit/livekit-server@v{version}"
    source = Path(json.loads(go("mod", "download", "-json", module))["Dir"])
    with tempfile.TemporaryDirectory() as folder:
        # Inside the module itself, so that its dependencies are exactly the server's.
        copy = Path(folder) / "server"
        shutil.copytree(source, copy, copy_function=shutil.copyfile)
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        program = copy / "cmd" / "keys" / "main.go"
        program.parent.mkdir()
        program.write_text(PROGRAM, encoding="utf-8")
        keys: dict[str, str] = json.loads(go("run", "./cmd/keys", cwd=copy))
    return keys


def main() -> None:
    versions = sorted(VERSIONS, key=lambda version: tuple(map(int, version.split("."))))
    per_version = {version: keys_of(version) for version in versions}
    table: dict[str, object] = {}
    for path in sorted(set().union(*per_version.values())):
        kinds = {version: keys.get(path) for version, keys in per_version.items()}
        same = set(kinds.values())
        known = {version: kind for version, kind in kinds.items() if kind is not None}
        table[path] = same.pop() if len(same) == 1 else known
    rows = ",\n".join(f"  {json.dumps(path)}: {json.dumps(kind)}" for path, kind in table.items())
    head = f'{{"versions": {json.dumps(versions)},\n"keys": {{\n'
    TARGET.write_text(f"{head}{rows}\n}}}}\n", encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(table)} keys of {', '.join(versions)}")


if __name__ == "__main__":
    main()
