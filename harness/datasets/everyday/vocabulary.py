"""What people call the sounds: names, verbs, and the wider families a sound belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a sound.

    Attributes:
        terms: every true name of it, the narrowest first.
        countable: its recordings hold a single call or stroke, so "twice" means something.
        background: it lasts and fills a scene.
        repetitions: how often it sounds in a scene, where this is not drawn.
    """

    terms: tuple[str, ...]
    countable: bool = False
    background: bool = False
    repetitions: int = 0


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say that something sounds: "a cat" + "meows", "a cat" + "meowing", the sound of "a cat".

    `unit` is the countable noun for one call or stroke, singular and plural.
    """

    subject: str
    finite: str
    gerund: str
    noun: str
    unit: tuple[str, str] | None = None


def _animal(*families: str, countable: bool = False) -> Label:
    return Label((*families, "animal"), countable)


def _instrument(*families: str, countable: bool = False) -> Label:
    return Label((*families, "instrument"), countable)


LABELS: dict[str, Label] = {
    "cat": _animal("cat", countable=True),
    "dog": _animal("dog", countable=True),
    "cow": _animal("cow", "farm animal", countable=True),
    "horse": _animal("horse", "farm animal", countable=True),
    "pig": _animal("pig", "farm animal"),
    "sheep": _animal("sheep", "farm animal", countable=True),
    "frog": _animal("frog"),
    "chicken": _animal("chicken", "bird", "farm animal"),
    "turkey": _animal("turkey", "bird", "farm animal", countable=True),
    "duck": _animal("duck", "water bird", "bird", "farm animal", countable=True),
    "goose": _animal("goose", "water bird", "bird", "farm animal"),
    "blackbird": _animal("blackbird", "songbird", "bird"),
    "lark": _animal("lark", "songbird", "bird"),
    "crow": _animal("crow", "bird", countable=True),
    "owl": _animal("owl", "bird"),
    "insect": Label(("buzzing insect",)),
    "accordion": _instrument("accordion"),
    "banjo": _instrument("banjo", "plucked instrument", "stringed instrument"),
    "cello": _instrument("cello", "stringed instrument"),
    "clarinet": _instrument("clarinet", "woodwind", "wind instrument"),
    "cymbal": _instrument("cymbal", "percussion", countable=True),
    "drum": _instrument("drum", "percussion", countable=True),
    "flute": _instrument("flute", "woodwind", "wind instrument"),
    "gong": _instrument("gong", "percussion", countable=True),
    "guitar": _instrument("guitar", "plucked instrument", "stringed instrument"),
    "harmonica": _instrument("harmonica", "wind instrument"),
    "harp": _instrument("harp", "plucked instrument", "stringed instrument"),
    "maracas": _instrument("maracas", "percussion"),
    "organ": _instrument("organ"),
    "piano": _instrument("piano"),
    "saxophone": _instrument("saxophone", "woodwind", "wind instrument"),
    "snare drum": _instrument("snare drum", "drum", "percussion"),
    "timpani": _instrument("timpani", "drum", "percussion"),
    "trombone": _instrument("trombone", "brass", "wind instrument"),
    "trumpet": _instrument("trumpet", "brass", "wind instrument"),
    "tuba": _instrument("tuba", "brass", "wind instrument"),
    "violin": _instrument("violin", "stringed instrument"),
    "alarm": Label(("alarm", "beeping")),
    "busy signal": Label(("busy signal", "beeping")),
    "applause": Label(("applause",)),
    "heartbeat": Label(("heartbeat",), repetitions=4),
    "siren": Label(("siren",)),
    "thunder": Label(("thunder",)),
    "train whistle": Label(("train whistle",), countable=True),
    "frogs": Label(("frogs", "frog", "animal"), background=True),
    "grasshopper": Label(("grasshopper", "chirping insect"), background=True),
    "rain": Label(("rain",), background=True),
    "train": Label(("train",), background=True),
    "water": Label(("water",), background=True),
}


def _calls(subject: str, *verbs: tuple[str, str], unit: tuple[str, str] | None = None) -> tuple[Wording, ...]:
    return tuple(Wording(subject, finite, gerund, subject, unit) for finite, gerund in verbs)


def _played(name: str, *more: Wording, article: str = "a") -> tuple[Wording, ...]:
    thing = f"{article} {name}"
    return (
        Wording(thing, "plays", "playing", thing),
        Wording(thing, "is played", "being played", thing),
        Wording("someone", f"plays {thing}", f"playing {thing}", thing),
        *more,
    )


def _musician(name: str, instrument: str) -> Wording:
    return Wording(name, "plays", "playing", instrument)


_STRUCK = (("is struck", "being struck"), ("is hit", "being hit"))
_RAIN = Wording("rain", "falls", "falling", "rain")

WORDINGS: dict[str, tuple[Wording, ...]] = {
    "cat": _calls("a cat", ("meows", "meowing"), ("mews", "mewing"), unit=("cat meow", "cat meows")),
    "dog": _calls("a dog", ("barks", "barking"), unit=("dog bark", "dog barks")),
    "cow": _calls("a cow", ("moos", "mooing"), ("lows", "lowing"), unit=("cow moo", "cow moos")),
    "horse": _calls("a horse", ("neighs", "neighing"), ("whinnies", "whinnying"), unit=("horse neigh", "horse neighs")),
    "pig": _calls("a pig", ("grunts", "grunting"), ("oinks", "oinking")),
    "sheep": _calls("a sheep", ("bleats", "bleating"), ("baas", "baaing"), unit=("sheep bleat", "sheep bleats")),
    "frog": _calls("a frog", ("croaks", "croaking")),
    "chicken": (*_calls("a chicken", ("clucks", "clucking")), *_calls("a hen", ("clucks", "clucking"))),
    "turkey": _calls("a turkey", ("gobbles", "gobbling"), unit=("turkey gobble", "turkey gobbles")),
    "duck": _calls("a duck", ("quacks", "quacking"), unit=("duck quack", "duck quacks")),
    "goose": _calls("a goose", ("honks", "honking"), ("calls", "calling")),
    "blackbird": _calls("a blackbird", ("sings", "singing"), ("calls", "calling")),
    "lark": _calls("a lark", ("sings", "singing"), ("twitters", "twittering")),
    "crow": _calls("a crow", ("caws", "cawing"), ("calls", "calling"), unit=("crow caw", "crow caws")),
    "owl": _calls("an owl", ("hoots", "hooting"), ("calls", "calling")),
    "songbird": (
        *_calls("a songbird", ("sings", "singing")),
        Wording("a bird", "sings", "singing", "a singing bird"),
    ),
    "water bird": _calls("a water bird", ("calls", "calling")),
    "farm animal": _calls("a farm animal", ("calls", "calling")),
    "bird": _calls("a bird", ("calls", "calling"), ("cries", "crying")),
    "animal": _calls("an animal", ("calls", "calling"), ("calls out", "calling out")),
    "buzzing insect": (
        Wording("an insect", "buzzes", "buzzing", "a buzzing insect"),
        Wording("an insect", "hums", "humming", "a humming insect"),
        Wording("a flying insect", "buzzes", "buzzing", "a flying insect"),
    ),
    "accordion": _played("accordion", article="an"),
    "banjo": _played("banjo"),
    "cello": _played("cello", _musician("a cellist", "a cello")),
    "clarinet": _played("clarinet"),
    "cymbal": (
        *_calls("a cymbal", ("crashes", "crashing"), *_STRUCK, unit=("cymbal crash", "cymbal crashes")),
        Wording("someone", "hits a cymbal", "hitting a cymbal", "a cymbal"),
    ),
    "drum": (
        *_calls("a drum", ("is beaten", "being beaten"), *_STRUCK, unit=("drum beat", "drum beats")),
        Wording("someone", "hits a drum", "hitting a drum", "a drum"),
    ),
    "flute": _played("flute", _musician("a flautist", "a flute")),
    "gong": (
        *_calls("a gong", ("sounds", "sounding"), ("rings", "ringing"), *_STRUCK, unit=("gong stroke", "gong strokes")),
        Wording("someone", "strikes a gong", "striking a gong", "a gong"),
    ),
    "guitar": _played("guitar", _musician("a guitarist", "a guitar")),
    "harmonica": _played("harmonica"),
    "harp": _played("harp", _musician("a harpist", "a harp")),
    "maracas": (
        *_calls("maracas", ("rattle", "rattling"), ("are shaken", "being shaken")),
        Wording("someone", "shakes maracas", "shaking maracas", "maracas"),
    ),
    "organ": _played("organ", _musician("an organist", "an organ"), article="an"),
    "piano": _played("piano", _musician("a pianist", "a piano")),
    "saxophone": _played("saxophone", *_played("sax"), _musician("a saxophonist", "a saxophone")),
    "snare drum": (
        *_calls("a snare drum", ("is played", "being played"), ("rattles", "rattling")),
        Wording("someone", "plays a snare drum", "playing a snare drum", "a snare drum"),
        Wording("a drummer", "plays a snare drum", "playing a snare drum", "a snare drum"),
    ),
    "timpani": (
        *_calls("timpani", ("roll", "rolling"), ("are played", "being played")),
        *_calls("a kettledrum", ("rolls", "rolling"), ("is played", "being played")),
    ),
    "trombone": _played("trombone"),
    "trumpet": _played("trumpet", _musician("a trumpeter", "a trumpet")),
    "tuba": _played("tuba"),
    "violin": _played("violin", _musician("a violinist", "a violin")),
    "plucked instrument": (Wording("a stringed instrument", "is plucked", "being plucked", "a plucked instrument"),),
    "stringed instrument": _played("stringed instrument"),
    "woodwind": _played("woodwind instrument"),
    "brass": _played("brass instrument"),
    "wind instrument": _played("wind instrument"),
    "percussion": (
        *_calls("a percussion instrument", ("is played", "being played")),
        Wording("someone", "plays percussion", "playing percussion", "percussion"),
    ),
    "instrument": (*_played("musical instrument"), *_played("instrument", article="an")),
    "alarm": (
        *_calls("an alarm", ("beeps", "beeping")),
        *_calls("an electronic alarm", ("goes off", "going off")),
    ),
    "busy signal": (
        *_calls("a busy signal", ("sounds", "sounding"), ("beeps", "beeping")),
        Wording("a telephone", "gives the busy tone", "giving the busy tone", "a telephone's busy tone"),
    ),
    "beeping": (
        *_calls("an electronic device", ("beeps", "beeping")),
        *_calls("electronic tones", ("beep", "beeping")),
    ),
    "applause": (
        Wording("people", "applaud", "applauding", "applause"),
        Wording("people", "clap", "clapping", "clapping"),
        Wording("an audience", "claps", "clapping", "an audience clapping"),
        Wording("a crowd", "applauds", "applauding", "applause from a crowd"),
    ),
    "heartbeat": (
        Wording("a heart", "beats", "beating", "a heartbeat"),
        Wording("a heart", "thumps", "thumping", "a beating heart"),
    ),
    "siren": (
        *_calls("a siren", ("wails", "wailing"), ("sounds", "sounding")),
        Wording("a fire engine", "sounds its siren", "sounding its siren", "a fire engine's siren"),
    ),
    "thunder": _calls("thunder", ("rumbles", "rumbling"), ("rolls", "rolling")),
    "train whistle": tuple(
        Wording(subject, finite, gerund, "a train whistle", ("blast of a train whistle", "blasts of a train whistle"))
        for subject, finite, gerund in (
            ("a train", "blows its whistle", "blowing its whistle"),
            ("a train whistle", "blows", "blowing"),
            ("a steam whistle", "blows", "blowing"),
        )
    ),
    "frogs": _calls("frogs", ("croak", "croaking"), ("call", "calling")),
    "grasshopper": _calls("a grasshopper", ("chirps", "chirping")),
    "chirping insect": (Wording("an insect", "chirps", "chirping", "a chirping insect"),),
    "rain": (_RAIN, Wording("rain", "patters down", "pattering down", "falling rain")),
    "train": _calls("a train", ("rolls by", "rolling by"), ("passes", "passing"), ("rattles along", "rattling along")),
    "water": _calls("water", ("flows", "flowing"), ("runs", "running")),
}

SETTINGS: dict[str, tuple[str, ...]] = {
    "frogs": ("among croaking frogs", "beside a pond of croaking frogs"),
    "grasshopper": ("among chirping grasshoppers",),
    "rain": ("in the rain", "on a rainy day", "during a shower of rain"),
    "train": ("over the noise of a train", "near a passing train"),
    "water": ("beside flowing water", "near running water"),
}
"""Short phrases that put a scene before one of the backgrounds."""

SEVERAL: dict[str, tuple[str, str]] = {
    "animal": ("different animals call", "different animals calling"),
    "bird": ("different birds call", "different birds calling"),
    "farm animal": ("different farm animals call", "different farm animals calling"),
    "songbird": ("different birds sing", "different birds singing"),
    "instrument": ("different musical instruments play", "different musical instruments playing"),
    "stringed instrument": ("different stringed instruments play", "different stringed instruments playing"),
    "wind instrument": ("different wind instruments play", "different wind instruments playing"),
    "brass": ("different brass instruments play", "different brass instruments playing"),
    "percussion": ("different percussion instruments are played", "different percussion instruments being played"),
}
"""Clauses for several members of a family that sound, finite and with a gerund."""
