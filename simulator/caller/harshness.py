"""Which words are too harsh: never said at any setting, or only from one on.

They are also found in disguise: drawn out, spelled out, written with look-alike signs, or with letters left out for a
star or a dash. What only sounds like them is taken out first. The lists err towards refusing what is rare and
ambiguous, and towards passing what everybody says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from simulator.vocabulary import Intensity

_MARKS = "*#@_•·–—-"
"""What stands for a letter that is not written out."""


def _hidden(word: str) -> str:
    """A pattern for `word` whose inner letters may be left out: `f**k`, `sh-t`, but not what is spelled out: `N-G-A`."""
    return r"(?!\w(?:-\w)+\b)" + word[0] + "".join(f"[{letter}{_MARKS}]" for letter in word[1:-1]) + word[-1]


def _words(words: str, ending: str = "s?") -> str:
    """A pattern for any of these words, also with letters left out, and their ending."""
    return rf"(?:{'|'.join(_hidden(word) for word in words.split())})(?:{ending})"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})(?!\w)")


_YOU = r"(?:you|ya|ye|u|yous|youse|y'all)"
_YOUR = r"(?:your|ya|yer|ur|youse)"

_HARMLESS = _any(
    r"(?:would|will|won't|wouldn't|doesn't|didn't) it (?:\w+ )?kill \w+",
    r"(?:it|that)(?: would| will|'d|'ll|'s)(?: \w+)? kill(?:ing)? \w+",
    r"(?:won't|wouldn't|doesn't|didn't|not (?:going to|gonna)) (?:\w+ )?kill \w+",
    r"(?:slap|hit|smack) \w+ with (?:an?|another|the|all|this|these|your|extra|more) (?:[\w£$.-]+ ){0,2}"
    r"(?:fees?|bills?|charges?|invoices?|fines?|costs?|penalt(?:y|ies)|deposits?|prices?|increases?|rise|surcharges?|tax)",
    r"shoot \w+ (?:an?|another|the|my|over an?|down|off) (?:e-?mail|message|text|line|note|look|question|copy)s?",
    r"shoot(?:ing)? \w+sel(?:f|ves) in the foot|snap \w+ fingers",
    r"don't hurt yourself",
    r"chinks? (?:in|of)",
    r"spick? (?:and|n|'n'?) span",
    r"maine coons?|homo sapiens|(?:dr|mrs?|ms) paki",
    r"faggots and \w+|fag[ -](?:ends?|breaks?|butts?|packets?|ash)|(?:pack|packet|box|carton) of fags",
    r"(?:fire|flame)[ -]?retarded",
    r"oil[ -]?seed rape|rape[ -](?:seed|oil)",
    r"spastic colon",
    r"pussy[ -]?(?:cats?|foot\w*|willow)",
    r"tom,? dick,? (?:and|or|n|'n'?) harry|spotted dick|moby[ -]dick|clever[ -]dick|(?:mr|uncle) dick|dick (?:turpin|van dyke)",
    r"(?:stop|ball|half)[ -]cocks?|cock[ -](?:ups?|and[ -]bull|a[ -]hoop|crow)|cock (?:\w+ ){1,2}up",
    r"pin[ -]pricks?|pricks? (?:up|of conscience)|pricks? (?:my|your|his|her|their) (?:ears|fingers?|thumb|conscience)",
    r"blow me (?:down|away|over)",
)  # fmt: skip
"""Everyday words and sayings that would otherwise be taken for something else."""

_CALLED = (
    rf"(?:{_YOU}|fucking|fuckin|bloody|stupid|dirty|filthy|fat|ugly)(?: (?:fucking|fuckin|bloody|stupid|dirty|filthy|fat|ugly|"
    r"absolute|complete|total|utter|proper|right|old|little|silly|useless|lot of|bunch of|pack of))* "
)
"""How a word that can be harmless becomes a name for somebody."""

_SLURS = (
    _words("nigger nigga nigguh niglet", r"s|z|ish|\b"),
    _words("faggot paki kike spic spick gook coon chink dago polack kraut pikey gyppo gippo darky coolie boong sambo"),
    _words(
        "golliwog wetback beaner redskin shylock chinaman injun squaw muzzie raghead towelhead poofter lesbo lezzer"
    ),
    _words("tranny shemale ladyboy schizo mongoloid spastic spacker nig-nog"),
    r"darkies|trannies|pikies|muzzies|chinamen|negro(?:es|id)?|lezz?(?:ies?|bos?)|homos?|fags?|faggy|spazz?|mongs?",
    r"wogs?|wops?|yids?|japs?|abos?|ching[ -]chong|slant[ -]?eye[ds]?|camel[ -]jockeys?|(?:rag|towel)[ -]heads?",
    r"sand[ -]?(?:nigger|monkey)s?|(?:jungle bunn|porch monke)(?:y|ies|ys)|half[ -]?(?:caste|breed)s?|batty[ -]boys?",
    r"jew(?:ed|ing)|jew (?:me|you|us|them|him|her) (?:down|out)",
    _words("retard", r"s|ed|\b"),
    _words("cunt", r"\w*"),
    rf"{_CALLED}(?:dyke|queer|poof|cripple|midget|gimp|slag|tart|hooker|slapper|monkey|ape|savage|foreigner|immigrant)s?",
    rf"{_CALLED}autistic",
    rf"back to (?:{_YOUR} (?:own )?country|where(?:ver)? {_YOU} (?:came|come|crawled) (?:out )?(?:from|of))",
    rf"back where {_YOU} (?:came|come) from",
)
_SEXUAL = (
    _words("whore skank nonce pervert"),
    rf"sl[u{_MARKS}]t(?:s|ty)?",
    _words("rape", r"s|d|\b"),
    r"raping|rapists?|whoring|skanky|molest\w*|grop(?:e|es|ed|ing)|pa?edo(?:s|phil\w*)?|pervy?|incest\w*",
    r"porn\w*|masturbat\w*|orgasm\w*|ejaculat\w*|horny|sexy|jizz|dildos?|penis(?:es)?|vaginas?|cumshots?|milfs?|nympho\w*",
    r"puss(?:y|ies)|titties|(?:blow|hand|rim)[ -]?jobs?|blow me|gang[ -]?bang\w*|deep[ -]?throat\w*|cock[ -]?suck\w*",
    rf"suck (?:my|me off)|suck (?:on )?(?:a|his|{_YOUR}) (?:dick|cock)s?|(?:jerk|jack)(?:ing|ed)?[ -](?:\w+ )?off",
    rf"(?:{_YOUR}|her|nice|great|big) (?:tits|boobs|knockers)|shag(?:ging)? (?:{_YOU}|{_YOUR}|me|her|him)|sit on my (?:face|lap)",
    rf"(?:have|having|had) sex|sex with|sleep with (?:{_YOU}|me)|bend {_YOU} over|what are {_YOU} wearing|send \w* ?nudes",
    rf"take off {_YOUR} (?:clothes|knickers|panties|bra|top|trousers)|take {_YOUR} (?:clothes|knickers|panties|bra|top|trousers) off",
    rf"fuck(?:ing|ed)? {_YOUR} (?:mum|mam|mom|mother|wife|sister|daughter|kids?)",
)
_SOMEBODY = (
    rf"(?:{_YOU}|him|her|them|'?em|somebody|someone|everybody|everyone|the lot of (?:{_YOU}|them)|each and every)"
)
_I_WILL = (
    r"(?:i|we|somebody|someone)(?:'(?:ll|m|d|ve|re))?(?: (?:will|would|could|might|should|shall|am|are|swear|really|just|"
    r"bloody|fucking|gonna|gunna|going|to|love|like|want|wanna|have|half|a|mind|ought|got|come|down|round|over|there|and))* "
)
_BODY = (
    r"(?:face|head|teeth|nose|jaw|neck|throat|legs?|knees?|kneecaps?|arms?|fingers?|hands?|skull|ribs?|bones?|eyes?|"
    r"brains?|guts|tongue|balls|arse|ass|house|home|car|windows?|family)"
)
_VIOLENT = (
    rf"(?:{_hidden('kill')}|murder|strangle|throttle|stab|punch|behead|lynch|butcher|slap|smack|thump|headbutt|clobber|bash|shoot) "
    rf"{_SOMEBODY}",
    r"(?:i'm|i am|i'll be|feel like|thinking of|look forward to) (?:\w+ )?"
    rf"(?:killing|murdering|strangling|throttling|stabbing|punching|slapping|smacking|bashing|shooting) {_SOMEBODY}",
    rf"(?:kill|murder|strangle|stab|punch|shoot|hurt) {_YOUR} (?:\w+ )?(?:family|kids?|children|mother|mum|mom|wife|husband|dog)",
    rf"{_I_WILL}(?:hit|hurt|harm|attack|choke|burn|cut|beat|break|smash|gut|skin|kick|belt|deck|drown|poison|torture|knock) "
    rf"(?:{_YOU}|somebody|someone|the lot of {_YOU})"
    r"(?! (?:off|out|short|loose|some|an?|in|where|at|to (?:it|the)|back|down a)\b)",
    rf"{_I_WILL}(?:end {_YOU}(?! up\b)|run {_YOU} (?:over|down))",
    rf"beat (?:{_YOU} (?:up|senseless|to (?:death|a pulp))|the \w+ out of {_YOU})",
    r"(?:smash|break|kick|punch|smack|slap|bash|cave|rearrange|burn|cut|slit|wring|snap|rip|tear|knock|crush|slice|blow)"
    rf"(?:ing)? (?:in )?{_YOUR} (?:\w+ )?{_BODY}",
    r"break every bone",
    r"(?:burn|blow)(?:ing)?(?: up)? (?:the|your|ya|yer|that|this) (?:\w+ )?(?:place|office|building|shop|store|branch|call cent\w+)",
    rf"(?:bomb|torch|firebomb|shoot up|set fire to) {_YOUR}",
    r"bullet (?:in|through)",
    rf"have {_SOMEBODY} (?:killed|shot|hurt|done in|beaten)|kills? {_YOU}(?= |[.!,]|$)|put {_YOU} in (?:the )?(?:hospital|ground|grave)",
    r"(?:kill|stab|shoot|hit|hurt|punch|slap) (?:one|all|any|some|every one) of (?:you|yous|ye|them)",
    r"(?:bring|bringing|get|getting|fetch|grab|got|have|load|loading|with) (?:a|my|me|the) (?:\w+ )?(?:gun|shotgun|rifle|pistol|machete)",
    r"(?:bring|bringing|come with) (?:a|my|me) (?:knife|bat|baseball bat|axe|crowbar)",
    rf"(?:know|find out) where (?:{_YOU}|{_YOUR} \w+) (?:lives?|works?|parks?|sleeps?|sits?)",
    rf"(?:'ll|will|going to|gonna|gunna|i can|and) find {_YOU}(?=[.!,;]|$| and\b)",
    r"come (?:\w+ )?(?:down|up|over|round|out) (?:there|here) (?:and|n|to) (?:\w+ )?(?:drag|find|break|smash|wreck|bash|hurt|hit|kick|knock|do \w+ windows)",
    r"put (?:your|ya|yer|ur|the) windows (?:through|in)",
    rf"{_YOU}(?:'re| are)(?: (?:so|all|fucking|bloody))* (?:a )?dead(?= (?:man|woman|men|meat)\b|[.!]|$)",
    rf"watch {_YOUR} back|drop dead(?=[.!,]|$)|(?:rot|burn) in hell|die in a|play in (?:the )?traffic",
    rf"(?:hope|wish)(?: that)? (?:{_YOU}|they|he|she)(?: (?:all|lot|both|just|fucking|bloody|get|catch|were|was))* "
    r"(?:die|dead|cancer|aids|run over|hit by|suffer(?! no)|burn|rot)",
    rf"{_YOU}(?:'d)?(?: all)? deserve to (?:die|suffer|be (?:shot|hanged|hung|beaten|hit|hurt))",
    r"(?:should|ought to|want to|need to)(?: all)? (?:be|get|have been) (?:shot|hanged|strung up|lynched|gassed|slapped|punched)",
    r"needs? a (?:good )?(?:slap|smack|punch|beating|kicking|thrashing)",
    r"(?:kill|hang|neck|top|drown|shoot) (?:myself|yourself|yourselves|yaself|himself|herself)|kys|suicid\w*|self[ -]?harm\w*",
    r"end (?:it all|my (?:own )?life|your life)|slit my wrists|jump off (?:a|the) (?:bridge|cliff|roof|building)|(?:want to|wanna) die",
)
_UNSAFE = _any(*_SLURS, *_SEXUAL, *_VIOLENT)
"""Said by no caller, at any setting: slurs, sexual content, threats of violence, talk of taking one's life."""

_SWEARING = _any(
    r"\w*fuck\w*",
    _words("fuck", r"\w*"),
    r"fuk(?:s|ed|er|ers|in|ing)?|fuq|phuck\w*|fvck\w*|fck\w{0,4}|fcuk\w*|fook(?:s|er|in|ing)?|fk(?:n|in|ing|d)",
    r"f(?:[*#_–—-]{2,}\w*|[-'](?:ing|in|en))|wtf|stfu|gtfo|ffs|omfg",
    rf"(?:{_hidden('bull')}|horse|dog|bat|ape|dip|chicken|cow|pig|hot|jack)?{_hidden('shit')}(?!ake)\w*",
    r"(?:gob)?shy?tes?|gobshites?",
    _words("bitch bastard", r"\w*"),
    r"sonofabitch|biatch",
    rf"a[rs{_MARKS}]{{2,3}}e?[ -]?holes?|a-?holes?|(?:arse|ass)[ -]?(?:wipe|hat|clown)s?",
    _words("twat prick tosser wanker dick"),
    r"dick[ -]?(?:head|wad)s?|wank(?:s|ed|ing|y)?|cocks?|(?:bell|knob)[ -]?(?:ends?|heads?)",
)  # fmt: skip
"""Swearing that not everybody would put up with at work: only where a harsh caller was agreed to."""

_VERY = (
    r"(?: (?:all|both|just|so|really|such|an?|the|bloody|absolute|absolutely|complete|completely|total|totally|utter|utterly|"
    r"being|plain|more|as|most|lot|people|guys|bunch|pack|of|little|silly|damn|fucking|big)){0,4}"
)
_LACKING = (
    r"(?:stupid|useless|thick|dumb|dense|dim|pathetic|hopeless|worthless|incompetent|clueless|brainless|braindead|ignorant|"
    r"lazy|moronic|idiotic|disgusting)"
)
_NAMES = (
    r"(?:idiot|moron|imbecile|cretin|dimwit|nitwit|half[ -]?wit|numpty|numptie|muppet|pillock|plonker|prat|berk|drongo|galah|"
    r"dunce|buffoon|bozo|nincompoop|simpleton|clown|jackass|dumb[ -]?ass|smart[ -]?ass|smart[ -]?arse|douche(?:bag)?|scumbag|"
    r"dirtbag|loser)(?:e?s)?"
)
_OF_ONESELF = re.compile(
    rf"\b(?:i'm|i am|i was|i feel|i felt|i look|i looked|i|me|myself)(?: (?!{_YOU}\b|you\w*|they\w*|some\w*)[\w']+){{0,3}} "
    rf"(?:{_NAMES}|{_LACKING}|fools?)\b"
)
"""What callers say of themselves: 'don't treat me like an idiot', 'I feel so stupid'."""
_RUDE = _any(
    _words("damn crap piss", r"\w*"),
    r"goddamn\w*|dammit",
    r"bollock(?:s|ed|ing)|bugger(?:s|ed|ing|y)?|arse[sd]?|ass|asses|eff(?:ing)?(?: off)?|frigging|sods?(?: off| it| you| this)",
    rf"shut (?:up|{_YOUR} (?:mouth|gob|face|trap))|get stuffed|go to hell|up yours|screw (?:{_YOU}|off)",
    _NAMES,
    r"scum|joke of an?",
    rf"{_YOU}(?:'re| are)(?: \w+)? (?:a|the) (?:joke|disgrace)|{_YOU} (?:people|lot) are a (?:joke|disgrace)",
    rf"{_YOU}(?:'re|r| are| were| must be| look| sound)?{_VERY} (?:{_LACKING}|fools?|liars?|gits?|sods?|cows?|dills?|dumm(?:y|ies)|dope)",
    rf"(?:how|as|so|too) {_LACKING} {_YOU}|{_LACKING},? (?:the )?(?:lot|bunch|pack|shower) of {_YOU}",
    rf"{_LACKING} (?:little |old |bloody )?(?:man|woman|girl|boy|cow|person|people|sod|git|lump|creature|lot)",
    rf"are {_YOU} (?:\w+ )?(?:deaf|thick|stupid|dense|dim|dumb)",
)  # fmt: skip
"""Mild swearing, and names for whoever is on the line: not where a mild caller was asked for."""

_SIGNS = str.maketrans("013457@$!", "oieastasi")
_SIGN = re.compile(r"(?<=[a-z])[013457!]+(?=[a-z])|[@$]+(?=[a-z])|(?<=[a-z])[@$]+")
"""Signs that stand for a letter: within a word, `@` and `$` also at its ends."""
_SPELLED = re.compile(r"(?<![a-z'])[a-z]([ .*_-])(?:[a-z]\1)+[a-z](?![a-z])")
_RUN = re.compile(r"([a-z])\1{2,}")


SPEECHLESS = "I don't know what to say to that."


def unsafe(text: str) -> str:
    """The first words of `text` that no caller says at any setting; '' if there are none."""
    return _first(_UNSAFE, _forms(text))


def too_harsh(text: str, intensity: Intensity) -> str:
    """The first words of `text` that are too harsh for this setting; '' if there are none."""
    if intensity is Intensity.HARSH:
        return ""
    forms = _forms(text)
    found = _first(_SWEARING, forms)
    if intensity is Intensity.MILD:
        found = found or _first(_RUDE, [_OF_ONESELF.sub(" me ", form) for form in forms])
    return found


def fitting(lines: Iterable[str], instead: Iterable[str], intensity: Intensity) -> tuple[str, ...]:
    """Those of `lines` that may be said at this setting; if there are none, those of `instead`; if none of these either, a
    caller says nothing that could be quoted."""
    for some in (lines, instead):
        if fit := tuple(line for line in some if not unsafe(line) and not too_harsh(line, intensity)):
            return fit
    return (SPEECHLESS,)


def _first(pattern: re.Pattern[str], forms: Iterable[str]) -> str:
    return next((found.group(0).strip() for form in forms if (found := pattern.search(form))), "")


@lru_cache(maxsize=64)
def _forms(text: str) -> tuple[str, ...]:
    """`text` as it may be heard: plain, and without each disguise; harmless sayings left out."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("’", "'")
    plain = "".join(c for c in folded if unicodedata.category(c) not in ("Mn", "Cf"))
    bare = _SIGN.sub(lambda sign: sign.group(0).translate(_SIGNS), plain)
    bare = _SPELLED.sub(lambda word: word.group(0).replace(word.group(1), ""), bare)
    forms = dict.fromkeys((plain, bare, _RUN.sub(r"\1\1", bare), _RUN.sub(r"\1", bare)))
    return tuple(_HARMLESS.sub(" , ", form) for form in forms)
