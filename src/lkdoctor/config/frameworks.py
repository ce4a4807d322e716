"""How the frameworks that apps are built with read their variables; a table, and who is who.

Sources: nextjs.org/docs (environment variables, load order), vite.dev/guide/env-and-mode,
create-react-app.dev (adding custom environment variables), docs.expo.dev (environment variables),
nuxt.com/docs (.env), svelte.dev/docs/kit ($env), docs.astro.build (environment variables).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Framework(NamedTuple):
    """One framework's rules."""

    name: str
    package: str
    """The npm package that gives it away."""
    prefix: str = ""
    """What its bundler copies into the browser's code; empty where it has no such rule."""
    env_files: tuple[str, ...] = ()
    """Strongest first; ``{mode}`` is development, production or test."""
    everywhere: bool = False
    """Whether all of its source ends up in the browser (or the phone)."""
    object: str = "process.env"
    """How source reads a variable."""


_MODE_BETWEEN: Final = (".env.{mode}.local", ".env.local", ".env.{mode}", ".env")
_MODE_FIRST: Final = (".env.{mode}.local", ".env.{mode}", ".env.local", ".env")

FRAMEWORKS: Final = (
    # The first that fits: SvelteKit and Astro bring vite, Expo brings react-native.
    Framework("Next.js", "next", "NEXT_PUBLIC_", _MODE_BETWEEN),
    Framework("Nuxt", "nuxt", "NUXT_PUBLIC_", (".env",)),
    Framework("SvelteKit", "@sveltejs/kit", "PUBLIC_", _MODE_FIRST),
    Framework("Astro", "astro", "PUBLIC_", _MODE_FIRST, object="import.meta.env"),
    Framework("Expo", "expo", "EXPO_PUBLIC_", _MODE_BETWEEN, everywhere=True),
    Framework("Create React App", "react-scripts", "REACT_APP_", _MODE_BETWEEN, everywhere=True),
    Framework("Vite", "vite", "VITE_", _MODE_FIRST, everywhere=True, object="import.meta.env"),
    Framework("React Native", "react-native"),
)

MODES: Final = ("development", "production", "test")


def framework_of(dependencies: Mapping[str, str]) -> Framework | None:
    """The framework of a package.json, by its direct dependencies."""
    return next((f for f in FRAMEWORKS if f.package in dependencies), None)


def env_files(framework: Framework, mode: str) -> tuple[str, ...]:
    """The .env files that it reads in a mode, strongest first."""
    files = tuple(file.format(mode=mode) for file in framework.env_files)
    # A test run is the same everywhere: Next, Expo and Create React App leave out .env.local then.
    if mode == "test" and framework.env_files == _MODE_BETWEEN:
        return tuple(file for file in files if file != ".env.local")
    return files
