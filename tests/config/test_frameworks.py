"""Which framework a project uses, and in what order that one reads .env files."""

import pytest

from lkdoctor.config.frameworks import FRAMEWORKS, env_files, framework_of
from lkdoctor.config.resolve import PUBLIC_PREFIXES

BY_NAME = {framework.name: framework for framework in FRAMEWORKS}


@pytest.mark.parametrize(
    ("packages", "name"),
    [
        (["next", "react"], "Next.js"),
        (["nuxt", "vite"], "Nuxt"),
        (["vite", "@sveltejs/kit"], "SvelteKit"),
        (["astro", "vite"], "Astro"),
        (["react-native", "expo"], "Expo"),
        (["react-scripts"], "Create React App"),
        (["vite"], "Vite"),
        (["react-native"], "React Native"),
        (["next-auth", "vitest"], None),
    ],
)
def test_the_framework_is_the_one_that_brings_the_others(
    packages: list[str], name: str | None
) -> None:
    found = framework_of(dict.fromkeys(packages, "^1.0.0"))
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("name", "mode", "files"),
    [
        (
            "Next.js",
            "development",
            (".env.development.local", ".env.local", ".env.development", ".env"),
        ),
        ("Next.js", "test", (".env.test.local", ".env.test", ".env")),
        (
            "Vite",
            "production",
            (".env.production.local", ".env.production", ".env.local", ".env"),
        ),
        ("Vite", "test", (".env.test.local", ".env.test", ".env.local", ".env")),
        ("Nuxt", "production", (".env",)),
        ("React Native", "production", ()),
    ],
)
def test_the_order_is_the_frameworks_own(name: str, mode: str, files: tuple[str, ...]) -> None:
    assert env_files(BY_NAME[name], mode) == files


def test_every_prefix_is_known_where_variables_are_named() -> None:
    assert {f.prefix for f in FRAMEWORKS if f.prefix} == set(PUBLIC_PREFIXES)
