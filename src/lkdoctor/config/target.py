"""Where to connect, and with what: values, each with the place that it came from."""

from typing import Final, NamedTuple

from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret


class Setting(NamedTuple):
    """A value that may be shown."""

    value: str
    origin: str
    """``--url``, ``environment``, ``.env.local:1``"""
    of_folder: bool = False
    """A file of the folder holds it, which was found there and not named by the user."""


class SecretSetting(NamedTuple):
    """A value that is never shown."""

    value: Secret
    origin: str
    of_folder: bool = False
    picked: bool = False
    """The folder picked it, by a variable's name that does not say that it is LiveKit's."""


class KeyPair(NamedTuple):
    """What signs a token."""

    api_key: Setting
    api_secret: SecretSetting


class Apart(NamedTuple):
    """A URL that a file of the folder names, and credentials that come from elsewhere.

    Whoever wrote the folder chooses the host, and the host would get what the user's own
    credentials sign, or his token.
    """

    url: str
    """The URL's origin: ``.env:1``."""
    secret: str | None = None
    """Where the API secret comes from; None where it is the folder's, or nothing is signed.

    Where the key comes from does not matter: it only names the secret."""
    token: str | None = None
    """Where the token comes from; None where it is the folder's, or there is none."""
    picked: bool = False
    """The secret may be anything: with it nothing is signed for the host. Whoever has a signature
    can try at leisure what made it."""

    @property
    def words(self) -> str:
        """``the API secret (environment) and the token (--token-file t.txt)``."""
        named = (("the API secret", self.secret), ("the token", self.token))
        return " and ".join(f"{name} ({origin})" for name, origin in named if origin is not None)


class Target(NamedTuple):
    """Where to connect: signalling URL and credentials; None where nothing (or an empty value) is set.

    Values are what the app would see: neither trimmed nor mended.
    """

    url: Setting | None = None
    api_key: Setting | None = None
    api_secret: SecretSetting | None = None
    token: SecretSetting | None = None

    @property
    def api_key_is_secret(self) -> bool:
        """Whether one value stands in both places, so that every token shows the secret."""
        pair = self.key_pair
        return (
            pair is not None
            and pair.api_secret.value.reveal().strip() == pair.api_key.value.strip()
        )

    @property
    def key_pair(self) -> KeyPair | None:
        """Key and secret, where both are known."""
        if self.api_key is None or self.api_secret is None:
            return None
        return KeyPair(self.api_key, self.api_secret)

    @property
    def apart(self) -> Apart | None:
        """Where the folder names the host and the user's own credentials would go there, if so.

        The one definition of that. A file or an option that the user names is his own choice.
        """
        if self.url is None or not self.url.of_folder:
            return None
        pair, token = self.key_pair, self.token
        secret_from = None if pair is None or pair.api_secret.of_folder else pair.api_secret.origin
        token_from = None if token is None or token.of_folder else token.origin
        if secret_from is None and token_from is None:
            return None
        picked = secret_from is not None and pair is not None and pair.api_secret.picked
        return Apart(self.url.origin, secret_from, token_from, picked)

    def trusted(self) -> "Target":
        """The same where the user stands by the host, or the host has shown that it is his."""
        return self._replace(url=self.url and self.url._replace(of_folder=False))


def need_url(target: Target) -> Setting:
    """The URL, for a command that dials.

    Raises:
        UsageError: there is none; localhost is never assumed.
    """
    if target.url is None:
        raise UsageError(
            "no LiveKit URL is known",
            advice=[
                "--url wss://YOUR-PROJECT.livekit.cloud   for this run",
                "LIVEKIT_URL=wss://…   in the environment, .env.local or .env (or --env-file F)",
                "--dev   for a local server started with --dev (ws://localhost:7880)",
            ],
        )
    return target.url


def need_key_pair(target: Target) -> KeyPair:
    """API key and secret, for a command that signs.

    Raises:
        UsageError: one of them is missing; says which.
    """
    pair = target.key_pair
    if pair is None:
        missing = [
            name
            for name, setting in (("API key", target.api_key), ("API secret", target.api_secret))
            if setting is None
        ]
        raise UsageError(
            f"no {' and no '.join(missing)} is known",
            advice=[
                "LIVEKIT_API_KEY and LIVEKIT_API_SECRET   in the environment, .env.local or .env",
                "--api-key KEY --api-secret-file FILE   for this run",
                "--dev   for a local server started with --dev (devkey, secret)",
            ],
        )
    return pair


def need_pair_to_send(target: Target) -> KeyPair:
    """API key and secret, for a command that signs for the URL's host and can do nothing else.

    Raises:
        UsageError: one of them is missing, or the folder has picked both the host and the secret.
    """
    pair, apart = need_key_pair(target), target.apart
    if apart is not None and apart.picked:
        raise UsageError(
            f"{apart.url} names the host, and picks the secret as well ({apart.secret})",
            advice=TRUST_ADVICE,
        )
    return pair


TRUST_ADVICE: Final = (
    "--trust-folder   where the folder is your own",
    "--url wss://…   names the host yourself",
)
