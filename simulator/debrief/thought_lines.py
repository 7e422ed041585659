"""The caller's private thoughts as a table, written by hand: what moved them → what goes through their head.

First person, never said aloud. `{quote}` stands for a few words of the trainee's turn. `thoughts.py` chooses.
"""

from __future__ import annotations

from simulator.caller.state import Mood
from simulator.vocabulary import Dimension, Ending, Fault, Intent, Technique

FAULTS: dict[Fault, tuple[str, ...]] = {
    Fault.TELLS_TO_CALM_DOWN: (
        "Calm down? I was calm. I am not now.",
        "They would sooner manage my voice than my problem.",
        "Nobody in history has calmed down because somebody told them to.",
    ),
    Fault.BLAMES_CALLER: (
        "So it is my fault now. I knew we would get there.",
        "I did what I was told to do, and they make it sound as if I had broken it.",
        "They are looking for the thing I did wrong. There isn't one.",
    ),
    Fault.ARGUES: (
        "I rang for help and I am in a debate.",
        "They want to be right more than they want this fixed.",
        "Fine, win. I will still have the problem tonight.",
    ),
    Fault.DISMISSES: (
        "It is small to them. They don't have to live with it.",
        "They waved it away as if I had rung about the weather.",
        "Right. So what happened to me does not count.",
    ),
    Fault.SARCASM: (
        "Was that a joke? About me?",
        "They are laughing at me. They will tell this one in the canteen.",
        "I heard that tone. I am not stupid.",
    ),
    Fault.STOCK_EMPATHY: (
        "“{quote}”. That comes off a card.",
        "They would have said that sentence to anybody.",
        "Lovely manners. They have no idea what happened to me.",
        "I have had that line in three emails already.",
    ),
    Fault.EMPATHY_UNDERCUT: (
        "They were sorry for exactly half a sentence.",
        "Everything before the 'but' was wrapping paper.",
        "For a second I thought they meant it.",
    ),
    Fault.REPEATS_STOCK_PHRASE: (
        "That sentence again. Is there a person there?",
        "“{quote}”. Yes. You said. It did nothing the first time either.",
        "They have run out of words and the call has hardly started.",
    ),
    Fault.HIDES_BEHIND_POLICY: (
        "Their rule. Not my rule. I never signed up to be told about rules.",
        "Whenever they say policy they mean no.",
        "A person could decide this. They have chosen not to be one.",
    ),
    Fault.NEGATIVE_FRAMING: (
        "That was a list of things I can't have.",
        "No, no and no. What are they there for?",
        "Somewhere in that company somebody can do something. It is not this one.",
    ),
    Fault.ASKS_AGAIN: (
        "I have just told them that.",
        "It is in front of them on the screen. They can't be bothered to read it.",
        "If I have to say it all once more I will scream.",
    ),
    Fault.FALSE_PROMISE: (
        "“{quote}”. I give that one until tomorrow.",
        "That came out too easily. It won't happen.",
        "They will say anything to get me off the line.",
    ),
    Fault.RUSHES: (
        "They are watching a clock. I can hear it.",
        "I had not finished. They just wanted the gap.",
        "There is someone behind me in the queue and they matter more.",
    ),
    Fault.PREMATURE_CLOSE: (
        "Is that it? Nothing has been settled, and they are saying goodbye.",
        "They are showing me the door.",
        "They have somewhere to be. I am still exactly where I was.",
    ),
    Fault.IGNORES_QUESTION: (
        "I asked a question. It is still lying there.",
        "They stepped straight over what I asked.",
        "If they won't answer that, the answer must be bad.",
    ),
    Fault.BREAKS_ROLE: (
        "Who are they talking to? Not to me.",
        "That was not meant for my ears. I don't even know what it was.",
        "I am not sure there is anybody sensible at the other end.",
    ),
}
TECHNIQUES: dict[Technique, tuple[str, ...]] = {
    Technique.ACKNOWLEDGES_FEELING: (
        "They said what it has been like. I did not have to spell it out.",
        "That was about me, not about customers.",
        "It is a relief just to have somebody say it aloud.",
    ),
    Technique.RESTATES_CONCERN: (
        "They have got it. That is the first time today it has come back to me in one piece.",
        "They were listening. They even had it in the right order.",
        "Good. I won't have to tell it again, then.",
    ),
    Technique.ASKS_CLARIFYING_QUESTION: (
        "That was a sensible question. Nobody has asked me that.",
        "They want to know, at least.",
        "Asking is better than guessing. The last one guessed.",
    ),
    Technique.APOLOGISES: (
        "A proper sorry, for the thing itself.",
        "They said sorry and did not fall over. It costs so little.",
        "All right. I heard that. Now let me see what comes after it.",
    ),
    Technique.TAKES_OWNERSHIP: (
        "They said it was them. No excuses. I had my next sentence ready and now I don't need it.",
        "Somebody has put a hand up at last.",
        "They could have blamed the other department. They didn't.",
    ),
    Technique.OFFERS_OPTIONS: (
        "I get a say in it. That is new.",
        "Two ways out, and they asked me which. I can breathe a bit.",
        "They are leaving it to me. I like that better than being told.",
    ),
    Technique.GIVES_TIMEFRAME: (
        "A real time. I can hold them to that.",
        "Now I know how long I have to wait, I can wait.",
        "They put an hour on it. People who are lying keep it vague.",
    ),
    Technique.NAMES_NEXT_STEP: (
        "I know what happens next, and who does it.",
        "There is a plan. It isn't mine, for once.",
        "So something happens after I put the phone down. Good.",
    ),
    Technique.POSITIVE_FRAMING: (
        "They told me what they can do. It is less than I wanted and more than I expected.",
        "Not a no. I can work with that.",
    ),
    Technique.REDIRECTS_TO_ISSUE: (
        "I do go on. They were nice about it, though.",
        "Yes, right, the thing I rang about.",
        "They brought me back without making me feel silly.",
    ),
    Technique.REASSURES_CHOICE: (
        "So it would not be a mistake to take that one. I needed to hear it.",
        "If it goes wrong I can still change it. That helps.",
        "They sound sure. I can borrow some of that.",
    ),
    Technique.SETS_BOUNDARY: (
        "I went too far there. They did not shout back, which makes it worse.",
        "They have drawn a line, and they drew it politely. Fair.",
        "They are still there, and still helping. All right, I'll watch my mouth.",
    ),
    Technique.ADMITS_NOT_KNOWING: (
        "They don't know, and they said so. I believe the rest more now.",
        "Better that than making something up.",
    ),
    Technique.ESCALATES: (
        "Good. Somebody who can decide.",
        "They are not too proud to fetch help.",
        "As long as I don't have to tell it all from the start.",
    ),
    Technique.CHECKS_SATISFACTION: (
        "They asked me whether it is all right. And they waited for the answer.",
        "Is it all right? I suppose it is, more or less.",
    ),
    Technique.THANKS_CALLER: (
        "They noticed what I did right. Nobody does.",
        "A thank you that was actually for something.",
    ),
    Technique.OFFERS_FOLLOW_UP: (
        "If it goes wrong, I know where to find them.",
        "They will look at it again. I shan't be on my own with it.",
        "They are not trying to get rid of me.",
    ),
    Technique.SUMMARISES: (
        "That is all of it, in order. I could write it on a card.",
        "They added it up for me. It holds.",
    ),
}
IRRITATED: tuple[str, ...] = (
    "I am sure that is in the handbook. It sets my teeth on edge.",
    "They do that nicely, and it is exactly what I cannot stand.",
    "Others may like that sort of thing. Get on with it.",
    "Again that trick. I know it when I hear it.",
)
LEVELS: dict[tuple[Dimension, str], tuple[str, ...]] = {
    (Dimension.CALMNESS, "low"): (
        "They are angry with me. With me!",
        "I have got under their skin. So now there are two of us.",
        "If they talk to me like that, they can have it back.",
    ),
    (Dimension.CALMNESS, "middle"): (
        "Bit short, that.",
        "They are counting to ten. I can hear them doing it.",
        "They would rather be on their break.",
    ),
    (Dimension.CALMNESS, "high"): (
        "They don't rise to it. I don't quite know where to put my temper.",
        "They are steady. It is hard to keep shouting at somebody steady.",
        "I have thrown a fair bit at them and they are still civil.",
        "They sound as if they had time for me.",
    ),
    (Dimension.EMPATHY, "low"): (
        "I told them what it did to me, and they went straight past it.",
        "I may as well be reading this out to a wall.",
        "They have not said one word about what I have been through.",
        "I am a ticket to them.",
    ),
    (Dimension.EMPATHY, "middle"): (
        "Polite. Could be for anybody.",
        "They said sorry and then did nothing.",
        "It is the right sort of noise. I am not sure anyone is making it.",
    ),
    (Dimension.EMPATHY, "high"): (
        "They know what this has cost me. I did not expect that.",
        "That was a human being talking.",
        "I have been waiting for someone to say that since it started.",
        "They got it without my having to cry about it.",
    ),
    (Dimension.SOLUTION, "low"): (
        "And what are they going to DO? I still do not know.",
        "That was a lot of words with nothing in them.",
        "They have sent me round in a circle. I am back where I began.",
        "I could have told myself that.",
    ),
    (Dimension.SOLUTION, "middle"): (
        "They are looking. Looking is not doing.",
        "Might be getting somewhere. Might not.",
        "It is a start. I have been given starts before.",
    ),
    (Dimension.SOLUTION, "high"): (
        "That would actually fix it.",
        "Something is happening. Somebody is typing something that matters.",
        "It is a real answer. I keep looking for the catch.",
        "That is more than the others managed together.",
    ),
}
STALLED: tuple[str, ...] = (
    "We have been talking for some time and nothing has moved.",
    "Every minute of this is a minute I won't get back.",
    "They are keeping me on the line so as not to do anything.",
    "How many more nice sentences before something happens?",
)
INTENTS: dict[Intent, tuple[str, ...]] = {
    Intent.OPEN: (
        "A new voice. Let me see whether this one listens.",
        "Here we go again. I'll say it once, from the start.",
        "They sound all right. So did the last one.",
    ),
    Intent.VENT: ("I have to let it out somewhere, and they are the one who picked up.", "It just comes out of me."),
    Intent.REPEAT: ("I will keep saying it until it lands.", "It has not gone in. Once more, then."),
    Intent.DEMAND: ("If I don't push, nothing will happen.", "Asking nicely got me nowhere."),
    Intent.DOUBT: ("I would love to believe that. I can't yet.", "It was promised before, in the same voice."),
    Intent.TEST: ("Let me see whether they know what they are talking about.", "One question, and I will know."),
    Intent.QUESTION: ("I want to be sure I have understood that.", "That raises something I ought to ask."),
    Intent.WANDER: ("It does me good to talk to someone.", "That reminds me of something. Where was I?"),
    Intent.WAVER: ("Both sound right. That is what frightens me.", "What if I choose the wrong one?"),
    Intent.CORRECT: (
        "That is not how it was, and I won't have it written down like that.",
        "They have a detail wrong.",
    ),
    Intent.DISCLOSE: (
        "I had not meant to say this. They asked as if it mattered.",
        "Now they know what is behind it. I hope they do something with it.",
        "I may as well tell them. They might be the one who can use it.",
    ),
    Intent.BARGAIN: ("There is something in it for me if I hold out a little.", "They can do better than that."),
    Intent.ASK_SUPERVISOR: (
        "This one can't, or won't. There must be somebody above.",
        "I want the person who is allowed to say yes.",
    ),
    Intent.INSULT: ("I know that was ugly. I wanted it to hurt.", "If they won't hear me, they will feel it."),
    Intent.THREATEN: ("I need something they are afraid of.", "I am not proud of it, but it is all I have left."),
    Intent.REFUSE: ("No. Not on those terms, not from someone I don't trust.", "It is too early to say yes to this."),
    Intent.SOFTEN: ("They are trying, to be fair. I might have been a bit much.", "I can feel my shoulders come down."),
    Intent.ACCEPT: (
        "Yes. That will do. I did not think I would say that today.",
        "I can live with this, and I think they will do it.",
        "All right. I'll take it, and I'll see whether they keep their word.",
    ),
    Intent.THANK: (
        "That was better than I feared.",
        "I came in fighting and I am going out saying thank you. Odd.",
        "I wonder whether they do that with everybody.",
    ),
    Intent.HANG_UP: (
        "I have had enough. There is nobody there.",
        "I am worth more than this.",
        "Let them keep their hold music.",
    ),
}
ENDINGS: dict[Ending, tuple[str, ...]] = {
    Ending.HUNG_UP: (
        "I gave them every chance. I am done.",
        "I would rather lose the money than hear that voice for another minute.",
    ),
    Ending.UNRESOLVED: (
        "It is no use. I will have to start again with somebody else.",
        "I have given up, and they have not even noticed.",
    ),
    Ending.SUPERVISOR: (
        "They handed me on properly, I will say that for them.",
        "One more person. But this one comes with the whole story, I hope.",
    ),
    Ending.TURN_LIMIT: (
        "We have talked all this time and I have nothing to show for it.",
        "I have to go. It is not settled, and we both know it.",
    ),
}
MOODS: dict[Mood, tuple[str, ...]] = {
    Mood.CALM: (
        "This is going better than I thought.",
        "I can think straight again.",
        "I might make it through the afternoon after all.",
        "We are talking like two people.",
        "I don't mind this one.",
    ),
    Mood.TENSE: (
        "I will give it another minute.",
        "So far, so so.",
        "I am listening. That does not mean I am convinced.",
        "One wrong word and I am off again.",
        "I would like this to be over, the right way round.",
    ),
    Mood.HOT: (
        "My neck is burning.",
        "I can hear myself getting louder.",
        "Somebody had better say something useful soon.",
        "I had other plans for today.",
        "It is the same every time with these people.",
    ),
    Mood.BOILING: (
        "I could throw this phone at the wall.",
        "I can't hear them any more for my own blood.",
        "They have no idea how close I am to hanging up.",
        "I am shaking. Over this. Over them.",
        "One more sentence like that and I am gone.",
    ),
}
ALWAYS: tuple[str, ...] = (
    "What time is it? I should have been somewhere else by now.",
    "I wonder how many people ring them about the very same thing.",
    "If I write the time down, at least I will have that.",
    "I am tired of being the one who keeps this going.",
    "I shall remember this call.",
    "Somebody at home will ask me how it went.",
    "I keep thinking of what I ought to have said a minute ago.",
    "There is a click on the line. Is somebody listening in?",
    "They breathe before they answer. So do I.",
    "I have said all I have to say, more or less.",
)
