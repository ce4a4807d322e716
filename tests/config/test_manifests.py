"""Every format of lock file and manifest, as its own tool writes it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.manifests import (
    Ecosystem,
    ManifestError,
    dependencies,
    is_manifest,
    numbers,
    packages,
)

PACKAGE_LOCK_1 = """\
{
  "lockfileVersion": 1,
  "dependencies": {
    "livekit-client": {
      "version": "2.9.7",
      "requires": {"@livekit/protocol": "1.36.1"},
      "dependencies": {
        "@livekit/protocol": {
          "version": "1.36.1"
        }
      }
    }
  }
}
"""
PACKAGE_LOCK_3 = """\
{
  "lockfileVersion": 3,
  "packages": {
    "": {"name": "clinic", "dependencies": {"livekit-client": "^2.9.0"}},
    "node_modules/livekit-client": {
      "version": "2.9.7"
    },
    "node_modules/livekit-client/node_modules/@livekit/protocol": {
      "version": "1.36.1"
    },
    "packages/web": {"version": "0.0.1"},
    "node_modules/react": {"version": "19.0.0"}
  }
}
"""
PNPM_5 = """\
lockfileVersion: 5.4
dependencies:
  livekit-client: 2.9.7
packages:

  /@livekit/protocol/1.36.1:
    resolution: {integrity: sha512-x}
  /livekit-client/2.9.7_react@18.0.0:
    dependencies:
      '@livekit/protocol': 1.36.1
"""
PNPM_6 = """\
lockfileVersion: '6.0'
packages:

  /@livekit/protocol@1.36.1:
    resolution: {integrity: sha512-x}

  /livekit-client@2.9.7(react@18.0.0):
    dev: false
"""
PNPM_9 = """\
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      livekit-client:
        specifier: ^2.9.0
        version: 2.9.7
packages:

  '@livekit/protocol@1.36.1':
    resolution: {integrity: sha512-x}

  livekit-client@2.9.7:
    resolution: {integrity: sha512-x}
snapshots:
  livekit-client@2.9.7(@types/dom-mediacapture-record@1.0.22):
    dependencies:
      '@livekit/protocol': 1.36.1
"""
YARN_1 = """\
# yarn lockfile v1


"@livekit/protocol@1.36.1":
  version "1.36.1"
  resolved "https://example.com/protocol-1.36.1.tgz"

livekit-client@^2.0.0, livekit-client@^2.9.0:
  version "2.9.7"
  dependencies:
    "@livekit/protocol" "1.36.1"
"""
YARN_BERRY = """\
__metadata:
  version: 8

"@livekit/protocol@npm:1.36.1":
  version: 1.36.1
  resolution: "@livekit/protocol@npm:1.36.1"

"clinic@workspace:.":
  version: 0.0.0-use.local

"livekit-client@npm:^2.0.0, livekit-client@npm:^2.9.0":
  version: 2.9.7
"""
BUN = """\
{
  "lockfileVersion": 1,
  "packages": {
    "@livekit/protocol": ["@livekit/protocol@1.36.1", "", {}, "sha512-x"],
    "livekit-client": ["livekit-client@2.9.7", "", { "dependencies": {} }, "sha512-x"],
  }
}
"""
PROTOCOL, CLIENT = ("@livekit/protocol", "1.36.1"), ("livekit-client", "2.9.7")

CASES = [
    pytest.param("package-lock.json", PACKAGE_LOCK_1, [CLIENT, PROTOCOL], id="npm lock 1"),
    pytest.param("package-lock.json", PACKAGE_LOCK_3, [CLIENT, PROTOCOL], id="npm lock 3"),
    pytest.param("npm-shrinkwrap.json", PACKAGE_LOCK_3, [CLIENT, PROTOCOL], id="shrinkwrap"),
    pytest.param("pnpm-lock.yaml", PNPM_5, [PROTOCOL, CLIENT], id="pnpm 5"),
    pytest.param("pnpm-lock.yaml", PNPM_6, [PROTOCOL, CLIENT], id="pnpm 6"),
    pytest.param("pnpm-lock.yaml", PNPM_9, [PROTOCOL, CLIENT], id="pnpm 9"),
    pytest.param("yarn.lock", YARN_1, [PROTOCOL, CLIENT], id="yarn 1"),
    pytest.param("yarn.lock", YARN_BERRY, [PROTOCOL, CLIENT], id="yarn berry"),
    pytest.param("bun.lock", BUN, [PROTOCOL, CLIENT], id="bun"),
    pytest.param(
        "package.json",
        '{"dependencies": {"livekit-client": "2.9.7", "@livekit/x": "^1.0.0", "a": "1.0.0"}}',
        [CLIENT, ("@livekit/x", None)],
        id="package.json",
    ),
    pytest.param(
        "requirements-dev.txt",
        "# livekit\nlivekit_agents[openai]==1.3.4 ; python_version > '3.9'\nlivekit>=1,<2\n"
        "livekit-api==1.*\n-r other.txt\n",
        [("livekit-agents", "1.3.4"), ("livekit", None), ("livekit-api", None)],
        id="requirements",
    ),
    pytest.param(
        "pyproject.toml",
        '[project]\ndependencies = ["livekit-agents[x]==1.3.4", "livekit ~= 1.0"]\n'
        '[tool.poetry.dependencies]\nlivekit-api = "^1.0"\n'
        'livekit-plugins-x = {version = "1.3.4", extras = ["a"]}\n',
        [
            ("livekit-agents", "1.3.4"),
            ("livekit", None),
            ("livekit-api", None),
            ("livekit-plugins-x", None),
        ],
        id="pyproject",
    ),
    pytest.param(
        "poetry.lock",
        '[[package]]\nname = "aiohttp"\nversion = "3.0"\n\n[[package]]\nname = "livekit-agents"\n'
        'version = "1.3.4"\n\n[package.dependencies]\nname = "livekit"\nversion = "9"\n',
        [("livekit-agents", "1.3.4")],
        id="poetry.lock",
    ),
    pytest.param(
        "uv.lock",
        'version = 1\n[[package]]\nname = "livekit-agents"\nversion = "1.3.4"\n',
        [("livekit-agents", "1.3.4")],
        id="uv.lock",
    ),
    pytest.param(
        "pdm.lock",
        '[[package]]\nname = "livekit-agents"\nversion = "1.3.4"\n',
        [("livekit-agents", "1.3.4")],
        id="pdm.lock",
    ),
    pytest.param(
        "Pipfile.lock",
        '{"default": {"livekit-agents": {"version": "==1.3.4"}}, "develop": {"x": {}}}',
        [("livekit-agents", "1.3.4")],
        id="Pipfile.lock",
    ),
    pytest.param(
        "go.mod",
        "module x\n\nrequire (\n\tgithub.com/livekit/server-sdk-go/v2 v2.1.0\n"
        "\tgithub.com/livekit/protocol v1.9.0 // indirect\n)\n"
        "require github.com/livekit/psrpc v0.5.0\n"
        "replace github.com/livekit/protocol => ../protocol\n",
        [
            ("github.com/livekit/server-sdk-go/v2", "2.1.0"),
            ("github.com/livekit/protocol", "1.9.0"),
            ("github.com/livekit/psrpc", "0.5.0"),
        ],
        id="go.mod",
    ),
    pytest.param(
        "pubspec.lock",
        'packages:\n  livekit_client:\n    dependency: "direct main"\n    source: hosted\n'
        '    version: "2.13.0"\n  meta:\n    version: "1.0.0"\n',
        [("livekit_client", "2.13.0")],
        id="pubspec.lock",
    ),
    pytest.param(
        "pubspec.yaml",
        "dependencies:\n  livekit_client: ^2.13.0\n  livekit_components: 1.1.0 # exact\n",
        [("livekit_client", None), ("livekit_components", "1.1.0")],
        id="pubspec.yaml",
    ),
    pytest.param(
        "Cargo.lock",
        '[[package]]\nname = "livekit"\nversion = "0.7.0"\n',
        [("livekit", "0.7.0")],
        id="Cargo.lock",
    ),
    pytest.param(
        "Gemfile.lock",
        "GEM\n  specs:\n    livekit-server-sdk (0.6.3)\n      twirp (>= 1)\n\nDEPENDENCIES\n"
        "  livekit-server-sdk\n",
        [("livekit-server-sdk", "0.6.3")],
        id="Gemfile.lock",
    ),
    pytest.param(
        "composer.lock",
        '{"packages": [{"name": "agence104/livekit-server-sdk", "version": "v1.3.5"}]}',
        [("agence104/livekit-server-sdk", "1.3.5")],
        id="composer.lock",
    ),
    pytest.param(
        "composer.json",
        '{"require": {"agence104/livekit-server-sdk": "^1.3"}}',
        [("agence104/livekit-server-sdk", None)],
        id="composer.json",
    ),
    pytest.param(
        "build.gradle.kts",
        'implementation("io.livekit:livekit-android:2.20.2")\n'
        'implementation("io.livekit:livekit-android-compose-components:$version")\n'
        '// implementation("io.livekit:old:1.0.0")\n',
        [
            ("io.livekit:livekit-android", "2.20.2"),
            ("io.livekit:livekit-android-compose-components", None),
        ],
        id="build.gradle.kts",
    ),
    pytest.param(
        "libs.versions.toml",
        '[versions]\nlivekit = "2.20.2"\n[libraries]\n'
        'a = { module = "io.livekit:livekit-android", version.ref = "livekit" }\n'
        'b = { group = "io.livekit", name = "livekit-android-track", version = "1.0.0" }\n'
        'c = "io.livekit:livekit-server:0.8.1"\n',
        [
            ("io.livekit:livekit-android-track", "1.0.0"),
            ("io.livekit:livekit-server", "0.8.1"),
            ("io.livekit:livekit-android", "2.20.2"),
        ],
        id="libs.versions.toml",
    ),
    pytest.param(
        "Package.resolved",
        '{"pins": [{"identity": "client-sdk-swift", "location": '
        '"https://github.com/livekit/client-sdk-swift.git", "state": {"version": "2.0.19"}}]}',
        [("client-sdk-swift", "2.0.19")],
        id="Package.resolved 2",
    ),
    pytest.param(
        "Package.resolved",
        '{"object": {"pins": [{"package": "LiveKit", "repositoryURL": '
        '"https://github.com/livekit/client-sdk-swift", "state": {"version": "1.0.0"}}]}}',
        [("client-sdk-swift", "1.0.0")],
        id="Package.resolved 1",
    ),
    pytest.param(
        "Podfile.lock",
        "PODS:\n  - LiveKitClient (2.0.1):\n    - LiveKitWebRTC (= 125)\n",
        [("LiveKitClient", "2.0.1")],
        id="Podfile.lock",
    ),
]


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["Unix", "Windows"])
@pytest.mark.parametrize(("file", "text", "expected"), CASES)
def test_every_format(
    file: str, text: str, expected: list[tuple[str, str | None]], ends: str
) -> None:
    found = packages(file, text.replace("\n", ends), f"web/{file}")
    assert [(p.name, p.version) for p in found] == expected
    for package in found:
        place = re.fullmatch(rf"web/{re.escape(file)}:(\d+)", package.origin)
        assert place is not None, package
        line = text.split("\n")[int(place[1]) - 1]
        assert package.name.rpartition(":")[2].replace("-", "_") in line.replace("-", "_")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("package.json", "{", "no JSON (line 1)"),
        ("package-lock.json", "[]", "no JSON object"),
        ("package.json", '{"a":' * 200_000, "nested too deeply"),
        ("composer.lock", "", "no JSON (line 1)"),
    ],
)
def test_what_is_not_what_its_name_says(file: str, text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(words)):
        packages(file, text, file)


def test_other_files_are_none() -> None:
    assert packages("README.md", "livekit-client", "README.md") == ()
    assert not is_manifest("README.md")
    assert is_manifest("requirements.txt")


def test_direct_dependencies() -> None:
    document = {"dependencies": {"next": "16"}, "devDependencies": {"vite": "7", "x": 1}, "a": []}
    assert dependencies(json.dumps(document)) == {"next": "16", "vite": "7"}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.9.7", (2, 9, 7)),
        ("v1.2", (1, 2, 0)),
        ("2.5.0+hotfix.3", (2, 5, 0)),
        ("2.9.7-rc.1", None),
        ("^2.9.7", None),
        ("2.x", None),
        ("9" * 5000, None),
        ("", None),
        (None, None),
    ],
)
def test_a_range_is_no_version(version: str | None, expected: tuple[int, ...] | None) -> None:
    assert numbers(version) == expected


PIECES = st.sampled_from(
    [
        "livekit-client", "@livekit/protocol", "livekit_client", "io.livekit:livekit-android",
        "github.com/livekit/x v1.0.0", '"', "'", ":", "@", "{", "}", "[", "]", "[[package]]", "(",
        ")", "=", "==", "2.9.7", "\n", "\r\n", "  ", "    ", "version", "name", "require", ",",
        "packages", "dependencies", "node_modules/", "é", "\x00", "\ud800", "null", "1",
    ]
)  # fmt: skip


@pytest.mark.parametrize("file", sorted({case.values[0] for case in CASES}, key=str))
@given(text=st.lists(PIECES, max_size=40).map("".join))
def test_no_text_breaks_a_reader(file: str, text: str) -> None:
    try:
        found = packages(file, text, file)
    except ManifestError:
        return
    for package in found:
        assert package.ecosystem in Ecosystem
        assert package.name.lower().count("livekit") >= 1


@pytest.mark.parametrize("file", ["package.json", "package-lock.json", "composer.lock"])
@given(
    document=st.recursive(
        st.none() | st.integers() | st.text(max_size=4) | st.just("2.9.7"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["packages", "dependencies", "node_modules/livekit-client", "version", "name",
                     "livekit-client", "require", "object", "pins"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_no_document_breaks_a_reader(file: str, document: object) -> None:
    try:
        packages(file, json.dumps(document), file)
    except ManifestError:
        assert not isinstance(document, dict)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "2.9.7",
            "^2.9.0",
            "~1.2",
            ">=1.0,<2",
            ">=1.0, <2.0",
            "1.x",
            "*",
            "latest",
            "1.0.0-beta.3",
        ),
        *(
            "^1.2.3 || ^2.0.0",
            "1.2.3 - 2.3.4",
            "1.3.4.post1",
            "2!1.0rc1",
            "workspace:^",
            "1.0+cu118",
        ),
        *("v2.13.1-0.20250101120000-0123456789ab", "==1.3.4", "~=1.3", "1.0.0-next.20250101"),
    ],
)
def test_a_range_is_shown_as_it_is_written(written: str) -> None:
    text = json.dumps({"dependencies": {"livekit-client": written}})
    assert [package.required for package in packages("package.json", text, "x")] == [written]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "==anything goes here",
            "==Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5",
            "1.0.0-Kq3vT8mZp1Wd9xYb2Rn7",
        ),
        *(
            "git+https://me:pw@example.com/x.git#main",
            "https://h.example/x.tgz?token=abc",
            "hunter2",
        ),
        *("1.0.0+Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5", "^1.0 || hunter2", "file:../hunter2"),
    ],
)
def test_what_is_no_version_is_not_shown(written: str) -> None:
    files = {
        "package.json": json.dumps({"dependencies": {"livekit-client": written}}),
        "package-lock.json": json.dumps(
            {"packages": {"node_modules/livekit-client": {"version": written}}}
        ),
        "requirements.txt": f"livekit-api=={written}\n",
        "pyproject.toml": f'[tool.poetry.dependencies]\nlivekit-api = "{written}"\n',
        "Cargo.lock": f'[[package]]\nname = "livekit"\nversion = "{written}"\n',
        "go.mod": f"require github.com/livekit/protocol v1.0.0-{written}\n",
        "yarn.lock": f'"livekit-client@^1":\n  version "{written}"\n',
    }
    for file, text in files.items():
        for package in packages(file, text, "x"):
            assert not set(re.findall(r"[A-Za-z]\w{5,}", written)) & set(
                re.findall(r"\w+", f"{package.version} {package.required}")
            ), file
