"""What the generated passages are about: relations with their wordings, facts of the real world,
words for names. `TRAIN` wordings are the ones the model learns from; `TEST` wordings are asked only in the
held-out test, never in training. Nothing here is used by examples/ (examples/generate.py --check proves it).

In a wording {n} is the subject and {v} the value.
"""

# --- relations -------------------------------------------------------------------------------------
# name: (kinds of subject, kind of value, statements, questions, statement for test, question for test)

RELATIONS = {
    "leader": ("place group", "person",
               ["{v} governs {n}.", "{n} is governed by {v}.", "At the head of {n} is {v}.", "The head of {n} is {v}.",
                "{n} chose {v} as its head.", "{n} has {v} at its head."],
               ["Who governs {n}?", "Who is at the head of {n}?", "By whom is {n} governed?", "Who is the head of {n}?",
                "Whom did {n} choose as its head?"],
               "The one who governs {n} these days is {v}.", "Who is it that governs {n}?"),
    "founder": ("place group firm", "person",
                ["{n} was founded by {v}.", "{v} founded {n}.", "The founder of {n} was {v}.", "{v} is remembered as the founder of {n}.",
                 "{n} owes its founding to {v}."],
                ["Who founded {n}?", "Who was the founder of {n}?", "By whom was {n} founded?", "What is the name of the founder of {n}?",
                 "To whom does {n} owe its founding?"],
                "It is said that {v} founded {n} alone.", "Which person founded {n}?"),
    "founded": ("group firm", "year",
                ["{n} was set up in {v}.", "{n} dates from {v}.", "In {v}, {n} was set up.", "The year {v} saw the start of {n}.",
                 "{n} has existed since {v}."],
                ["When was {n} set up?", "From what year does {n} date?", "Since when has {n} existed?", "In which year was {n} set up?",
                 "What year saw the start of {n}?"],
                "The papers say that {n} was set up in {v}.", "In what year was {n} set up?"),
    "capital": ("land", "place",
                ["The capital of {n} is {v}.", "{v} is the capital of {n}.", "{n} has its capital at {v}.", "{n} is ruled from {v}, its capital.",
                 "{v} serves as the capital of {n}."],
                ["What is the capital of {n}?", "Which city is the capital of {n}?", "What is the name of the capital of {n}?",
                 "Where does {n} have its capital?", "Name the capital of {n}."],
                "The city of {v} has long been the capital of {n}.", "Which place is the capital of {n}?"),
    "lies": ("place", "land",
             ["{n} lies in {v}.", "{n} is a town in {v}.", "{n} belongs to {v}.", "The town of {n} is part of {v}."],
             ["In which land does {n} lie?", "Where does {n} lie?", "To which land does {n} belong?", "Of which land is {n} part?"],
             "Travellers know {n} as a town of {v}.", "In what land is {n}?"),
    "born": ("person", "place",
             ["{n} is a native of {v}.", "{n} comes from {v}.", "{v} is the birthplace of {n}.", "The birthplace of {n} is {v}.",
              "{n} came into the world in {v}."],
             ["Where was {n} born?", "Where does {n} come from?", "What is the birthplace of {n}?", "In which place was {n} born?",
              "In which town did {n} come into the world?"],
             "Everybody agrees that {n} was born in {v}.", "In what town was {n} born?"),
    "lives": ("person", "place",
              ["{n} lives in {v}.", "The home of {n} is now {v}.", "{n} has a house in {v}.", "{n} moved to {v} and stayed.",
               "{v} is where {n} lives."],
              ["Where does {n} live?", "Where is the home of {n}?", "Where does {n} have a house?", "In which place does {n} live?",
               "Where did {n} move to?"],
              "These days {n} lives quietly in {v}.", "In what town does {n} live?"),
    "married": ("person", "person",
                ["{n} is married to {v}.", "{n} married {v}.", "{v} is the wife of {n}.", "{v} is the husband of {n}.", "{n} shares a home with {v}."],
                ["To whom is {n} married?", "Whom did {n} marry?", "Who is married to {n}?", "With whom does {n} share a home?"],
                "In spring {n} got married to {v}.", "Who got married to {n}?"),
    "friend": ("person", "person",
               ["The best friend of {n} is {v}.", "{n} trusts nobody more than {v}.", "{v} is a close friend of {n}.", "{n} has a friend called {v}."],
               ["Who is the best friend of {n}?", "Whom does {n} trust most?", "Who is a close friend of {n}?", "What is the friend of {n} called?"],
               "The oldest friend that {n} has is {v}.", "Which friend does {n} have?"),
    "wrote": ("book", "person",
              ["{n} was written by {v}.", "{v} wrote {n}.", "The author of {n} is {v}.", "{v} is the author of {n}.", "{n} is a book by {v}."],
              ["Who wrote {n}?", "By whom was {n} written?", "Who is the author of {n}?", "What is the name of the author of {n}?"],
              "Critics praised {v}, who wrote {n}.", "Which author wrote {n}?"),
    "printed": ("book", "year",
                ["{n} was printed in {v}.", "{n} came out in {v}.", "In {v}, {n} came out.", "The first copies of {n} are from {v}."],
                ["When was {n} printed?", "When did {n} come out?", "In which year did {n} come out?", "From which year are the first copies of {n}?"],
                "After a long delay {n} was printed in {v}.", "In what year was {n} printed?"),
    "captain": ("ship", "person",
                ["The captain of {n} is {v}.", "{v} commands {n}.", "{n} sails under {v}.", "{n} is commanded by {v}.", "{v} is captain of {n}."],
                ["Who is the captain of {n}?", "Who commands {n}?", "Under whom does {n} sail?", "By whom is {n} commanded?"],
                "The crew of {n} call {v} their captain.", "Who is captain on {n}?"),
    "cargo": ("ship", "thing",
              ["{n} carries {v}.", "The cargo of {n} is {v}.", "{n} is loaded with {v}.", "The hold of {n} is full of {v}."],
              ["What does {n} carry?", "What is the cargo of {n}?", "With what is {n} loaded?", "What is in the hold of {n}?"],
              "This time {n} carries a load of {v}.", "What load does {n} carry?"),
    "port": ("ship", "place",
             ["{n} sails to {v}.", "{n} is bound for {v}.", "{n} lies in the port of {v}.", "The port of {n} is {v}."],
             ["Where does {n} sail to?", "For which place is {n} bound?", "In which port does {n} lie?", "What is the port of {n}?"],
             "At dawn {n} sails off to {v}.", "To what place does {n} sail?"),
    "sells": ("firm person", "thing",
              ["{n} sells {v}.", "{n} deals in {v}.", "{n} is a seller of {v}.", "One can buy {v} from {n}."],
              ["What does {n} sell?", "What does {n} deal in?", "What can one buy from {n}?", "What is sold by {n}?"],
              "In the end {n} sells {v}.", "Which thing is sold by {n}?"),
    "seat": ("firm group", "place",
             ["{n} is based in {v}.", "{n} has its seat in {v}.", "The seat of {n} is {v}.", "The offices of {n} are in {v}."],
             ["Where is {n} based?", "Where does {n} have its seat?", "What is the seat of {n}?", "Where are the offices of {n}?"],
             "For years {n} has been based in {v}.", "In what town is {n} based?"),
    "owner": ("firm ship house", "person",
              ["{n} belongs to {v}.", "{v} owns {n}.", "The owner of {n} is {v}.", "{n} is owned by {v}.", "{n} is the property of {v}."],
              ["To whom does {n} belong?", "Who owns {n}?", "Who is the owner of {n}?", "By whom is {n} owned?", "Whose property is {n}?"],
              "By law {n} is owned by {v} alone.", "Which person owns {n}?"),
    "built": ("house ship", "year",
              ["{n} went up in {v}.", "In {v}, {n} was built.", "{n} was finished in {v}.", "{n} has stood since {v}."],
              ["When did {n} go up?", "In which year was {n} built?", "When was {n} finished?", "Since when has {n} stood?"],
              "Old maps show that {n} was built in {v}.", "In what year was {n} built?"),
    "builder": ("house ship", "person",
                ["{n} was built by {v}.", "{v} built {n}.", "The builder of {n} was {v}.", "{n} is the work of {v}."],
                ["Who built {n}?", "By whom was {n} built?", "Who was the builder of {n}?", "Whose work is {n}?"],
                "With little money {v} built {n}.", "Which person built {n}?"),
    "color": ("house ship thing", "color",
              ["{n} is {v}.", "The color of {n} is {v}.", "{n} has been painted {v}.", "{n} is {v} in color."],
              ["What color is {n}?", "What is the color of {n}?", "In which color has {n} been painted?", "Which color does {n} have?"],
              "Seen from afar {n} is plainly {v}.", "Of what color is {n}?"),
    "price": ("thing", "number",
              ["{n} costs {v} coins.", "The price of {n} is {v} coins.", "{n} is sold for {v} coins.", "One pays {v} coins for {n}."],
              ["What does {n} cost?", "What is the price of {n}?", "For how many coins is {n} sold?", "How much does one pay for {n}?"],
              "At the fair {n} costs {v} coins.", "How many coins does {n} cost?"),
    "members": ("group firm", "number",
                ["{n} has {v} members.", "There are {v} members in {n}.", "{v} members make up {n}.", "The members of {n} number {v}."],
                ["How many members does {n} have?", "How many members are in {n}?", "What is the number of members of {n}?",
                 "How many members make up {n}?"],
                "By now {n} has {v} members.", "How many members are there in {n}?"),
    "age": ("person", "number",
            ["{n} is {v} years old.", "{n} is aged {v}.", "{n} has reached the age of {v}.", "The age of {n} is {v}."],
            ["How old is {n}?", "What is the age of {n}?", "What age has {n} reached?", "How many years old is {n}?"],
            "Few believe that {n} is {v} years old.", "Of what age is {n}?"),
    "found": ("thing", "place",
              ["{n} was found in {v}.", "{n} comes from {v}.", "{n} is kept in {v}.", "{n} can be seen in {v}."],
              ["Where was {n} found?", "Where does {n} come from?", "Where is {n} kept?", "Where can {n} be seen?"],
              "A child says that {n} was found in {v}.", "In what place was {n} found?"),
    "maker": ("thing", "person",
              ["{n} was made by {v}.", "{v} made {n}.", "The maker of {n} is {v}.", "{n} comes from the hands of {v}."],
              ["Who made {n}?", "By whom was {n} made?", "Who is the maker of {n}?", "From whose hands does {n} come?"],
              "With great care {v} made {n}.", "Which person made {n}?"),
    "eats": ("person animal", "thing",
             ["{n} likes to eat {v}.", "{n} eats {v}.", "The favorite food of {n} is {v}.", "{n} loves {v}."],
             ["What does {n} like to eat?", "What does {n} eat?", "What is the favorite food of {n}?", "What does {n} love?"],
             "Each evening {n} eats {v}.", "Which food does {n} eat?"),
    "pet": ("person", "animalname",
            ["{n} has a dog called {v}.", "The cat of {n} is called {v}.", "{n} owns a horse by the name of {v}.", "{v} is the dog of {n}."],
            ["What is the animal of {n} called?", "What is the name of the animal that {n} has?", "Which animal belongs to {n}?"],
            "The old horse of {n} is called {v}.", "What is the name of the animal of {n}?"),
    "works": ("person", "firm",
              ["{n} works for {v}.", "{n} is employed by {v}.", "{v} pays the wages of {n}.", "{n} has a job at {v}."],
              ["For whom does {n} work?", "Who employs {n}?", "Who pays the wages of {n}?", "Where does {n} have a job?"],
              "Since the war {n} works for {v}.", "For which firm does {n} work?"),
    "job": ("person", "job",
            ["{n} is a {v}.", "{n} earns a living as a {v}.", "The job of {n} is that of a {v}.", "{n} has always been a {v}."],
            ["What is the job of {n}?", "How does {n} earn a living?", "What has {n} always been?", "What job does {n} have?"],
            "Like everyone in the family {n} is a {v}.", "Which job does {n} have?"),
    "tongue": ("land place", "tongue",
               ["People in {n} speak {v}.", "The language of {n} is {v}.", "{v} is spoken in {n}.", "In {n} they speak {v}."],
               ["What do people in {n} speak?", "What is the language of {n}?", "Which language is spoken in {n}?", "What language do they speak in {n}?"],
               "Most children of {n} speak {v} at home.", "What language do children of {n} speak?"),
    "river": ("land place", "rivername",
              ["The {v} flows through {n}.", "{n} is crossed by the {v}.", "The longest river of {n} is the {v}.", "The water of {n} comes from the {v}."],
              ["What flows through {n}?", "By which river is {n} crossed?", "What is the longest river of {n}?", "From where does the water of {n} come?"],
              "Slowly the {v} flows down through {n}.", "What river flows through {n}?"),
    "number": ("place land", "number",
               ["{n} has {v} houses.", "There are {v} houses in {n}.", "One counts {v} houses in {n}."],
               ["How many houses does {n} have?", "How many houses are there in {n}?", "How many houses does one count in {n}?"],
               "In all {n} has {v} houses.", "What is the number of houses in {n}?"),
    "code": ("thing firm ship house", "code",
             ["The code of {n} is {v}.", "{n} has the code {v}.", "{n} is listed as {v}.", "{v} is the code for {n}."],
             ["What is the code of {n}?", "Which code does {n} have?", "As what is {n} listed?", "What is the code for {n}?"],
             "On every list {n} bears the code {v}.", "What code does {n} bear?"),
    "day": ("firm group", "day",
            ["{n} meets on {v}.", "{n} opens on {v}.", "On {v}, {n} opens.", "The day of {n} is {v}."],
            ["On which day does {n} meet?", "When does {n} open?", "What is the day of {n}?", "Which day does {n} open?"],
            "As always {n} opens again on {v}.", "What day does {n} open?"),
    "taught": ("person", "person",
               ["{n} studied under {v}.", "{v} trained {n}.", "{n} was trained by {v}.", "{n} learned everything from {v}."],
               ["Under whom did {n} study?", "Who trained {n}?", "By whom was {n} trained?", "From whom did {n} learn everything?"],
               "As a youth {n} was trained by old {v}.", "Which person trained {n}?"),
    "won": ("person group", "thing",
            ["{n} won {v}.", "The prize of {n} was {v}.", "{n} was given {v}.", "{n} came home with {v}."],
            ["What did {n} win?", "What was the prize of {n}?", "What was {n} given?", "With what did {n} come home?"],
            "To nobody's surprise {n} won {v}.", "Which prize did {n} win?"),
    "enemy": ("land group person", "person",
              ["{n} fears {v}.", "The enemy of {n} is {v}.", "{v} is an enemy of {n}.", "{n} was beaten by {v}."],
              ["Whom does {n} fear?", "Who is the enemy of {n}?", "Who is an enemy of {n}?", "By whom was {n} beaten?"],
              "More than winter {n} fears {v}.", "Which enemy does {n} fear?"),
    "near": ("place house", "place",
             ["{n} is near {v}.", "The road from {n} leads to {v}.", "Not far from {n} is {v}.", "{n} is a mile from {v}."],
             ["What is near {n}?", "Where does the road from {n} lead?", "Which place is not far from {n}?", "What is a mile from {n}?"],
             "On foot one reaches {v} from {n}.", "Which place does one reach from {n}?"),
    "drug": ("thing group", "thing",
             ["{n} is used for {v}.", "{n} helps with {v}.", "The use of {n} is {v}.", "{n} stands for {v}."],
             ["What is {n} used for?", "With what does {n} help?", "What is the use of {n}?", "For what does {n} stand?"],
             "In the south {n} is used for {v}.", "For what is {n} used?"),
    "hidden": ("thing person", "spot",
               ["{n} is in the {v}.", "{n} was left in the {v}.", "Somebody put {n} in the {v}.", "{n} waits in the {v}."],
               ["Where can we find {n}?", "Where was {n} left?", "Where did somebody put {n}?", "Where does {n} wait?"],
               "Look for {n} in the {v}.", "Where should one look for {n}?"),
}

# Nouns that make more relations: "The R of N is V."
NOUNS = {
    "person": "doctor nurse lawyer judge cook guide editor uncle aunt cousin brother sister neighbor rival patron heir agent tutor coach deputy "
              "successor partner guard driver painter sponsor pilot scribe tenant landlord".split(),
    "place": "birthplace address source dwelling base harbor border market meeting-place refuge destination hometown".split(),
    "thing": "symbol gift secret product weapon badge tool treasure hobby subject title dream dowry reward topic motto disease remedy crop".split(),
    "number": "height weight length score size rank room page level depth speed count limit distance width total".split(),
    "animalname": "dog horse nickname password cat mascot".split(),
    "year": "year".split(),
}
NOUN_STATEMENTS = ["The {r} of {n} is {v}.", "{n} has {v} as {r}.", "{v} is the {r} of {n}.", "{n}'s {r} is {v}.", "As {r}, {n} has {v}.",
                   "The {r} for {n} was always {v}.", "For {n}, the {r} is {v}.", "{n} calls {v} the {r}.", "{n} names {v} as {r}.",
                   "When asked for a {r}, {n} said {v}.", "{n}: {r} {v}.", "{r} of {n}: {v}.", "{v} serves {n} as {r}.", "{v} became the {r} of {n}.", "The {r} that {n} has is {v}.",
                   "No {r} but {v} would do for {n}.", "{n} is content with {v} as {r}.", "{n} found {v}, a good {r}.", "{v} has been the {r} of {n} for years.",
                   "As regards {n}, {v} is the {r}.", "Once more {v} was made {r} of {n}.", "{n} (with {v} as {r}) is doing well."]
NOUN_QUESTIONS = ["What is the {r} of {n}?", "What is {n}'s {r}?", "What does {n} have as {r}?", "Name the {r} of {n}.", "What was the {r} of {n}?",
                  "Which {r} does {n} have?", "Tell me the {r} of {n}.", "{r} of {n}?", "What is given as the {r} of {n}?",
                  "Can you say what the {r} of {n} is?", "Could you name the {r} of {n}?", "Would you tell me {n}'s {r}?", "Does anybody know what {n} has as {r}?",
                  "Concerning {n}, what is the {r}?", "What do we learn about the {r} of {n}?", "{n} has which {r}?", "Find the {r} of {n}.",
                  "What did {n} get as {r}?", "I am looking for the {r} of {n}.", "Do we know {n}'s {r}?", "Do you remember the {r} of {n}?", "Can anyone recall the {r} of {n}?",
                  "What might be the {r} of {n}?", "What could {n} have as {r}?", "Do the lines mention a {r} of {n}, and which?",
                  "Is the {r} of {n} known, and what is it?", "Do they say what {n} has as {r}?", "Have you read what the {r} of {n} is?"]
NOUN_WHO = ["Who is the {r} of {n}?", "Who is {n}'s {r}?", "Whom does {n} have as {r}?", "Who was the {r} of {n}?"]
# More statements, put together: what a {r} is to {n}, in many verbs.
VERBS = ("is", "was", "became", "stays", "counts as", "acts as", "is called", "is known as", "passes for", "is considered", "is thought to be", "might be",
         "shall be", "will be", "used to be", "is listed as", "was chosen as", "was named", "is said to be", "is seen as", "got to be", "can be called", "is still",
         "is now", "has become", "appears as", "seems to be", "must be", "would like to be", "goes on as", "keeps being", "is written down as")
VERB_STATEMENTS = ["{v} {verb} the {r} of {n}.", "The {r} of {n} {verb} {v}.", "{n}'s {r} {verb} {v}.", "{v} {verb} {n}'s {r}.", "For {n}, {v} {verb} the {r}.",
                   "The {r}, for {n}, {verb} {v}.", "With {n} the {r} {verb} {v}."]
TAILS = (" for now", " until spring", " with good reason", " since the fair", " in every way", " at last", " by tradition", " in the eyes of many", " on paper",
         " without exception", " in spite of everything", " at home and abroad", " once more", " in the end", " every year", " since then", " on most days",
         " by a wide margin", " during the winter", " quite happily", " all alone", " of late", " as ever", " already", " in public", " with pride", " too")

NOUN_TEST_STATEMENTS = ["In the case of {n} the {r} turned out to be {v}.", "{v} remains the {r} of {n} to this day."]
NOUN_TEST_QUESTIONS = ["Do you know the {r} of {n}?", "What would be the {r} of {n}?"]

# Before and after a statement or a question, so that each wording comes in many dresses.
BEFORE = ["", "", "", "", "", "", "", "", "According to the register, ", "It is known that ", "As the chronicle tells, ", "We read that ", "In fact, ",
          "Today, ", "Since last year, ", "Officially, ", "As far as we know, ", "By all accounts, ", "The notes say that ", "Also, ",
          "Moreover, ", "Some say that ", "At present, ", "Of course, ", "The report adds that ", "Interestingly, ", "Besides, ", "People say that ", "Long ago, ", "Strange as it is, ", "A neighbor told us that ",
          "One page says that ", "In the meantime, ", "For the record, ", "Nobody doubts that ", "It turned out that ", "A friend wrote that ",
          "After the storm, ", "In those years, ", "A sign says that ", "Once again, ", "I heard that ", "On the last page we find that ", "Surely, "]
BARE_LEADS = ("Most days ", "At noon ", "By habit ", "As a rule ", "Next year ", "Right now ", "After dinner ", "With luck ", "In those days ", "Every summer ",
              "Once a week ", "At heart ", "In secret ", "Through hard work ", "By chance ", "On holidays ", "Under the old king ", "Behind closed doors ", "Until recently ")
AFTER = ["", "", "", "", "", "", "", "", ", as everyone knows", ", so it seems", ", according to the paper", ", after all", " these days", ", they say",
         ", which surprised many", ", as agreed", " to this day", ", at least for now", ", much to our joy", ", a teacher said", " again", ", or so I heard", ", and rightly so",
         ", to be exact", ", and nobody minds", " for many years", ", my aunt claims", ", which is well documented"]
ASK_BEFORE = ["", "", "", "", "", "", "", "", "", "", "According to the text, ", "Please tell me: ", "In this story, ", "As stated, ", "Question for you: ", "Going by the text, ", "Think: ", "In short: ",
              "Tell us: ", "If you read it well: ", "Can you tell: ", "Do tell: ", "Would you say: ", "Does it say: ",
              "Could you find out: ", "Is there a hint: ", "Has anyone said: ", "Look again: ",
              "In the passage above, ", "The passage tells us: ", "Look at the passage: ", "By this passage, ", "Going by the passage, ", "As the passage says, ",
              "Once you have read it, ", "After reading it all, ", "You have read it: ", "Now that you know the text, ", "Here is the question: "]
BEFORE_TEST = ["", "", "A clerk noted that ", "From the archive we learn that ", "Last week, ", "Without doubt, "]
AFTER_TEST = ["", "", ", a visitor wrote", " as before", ", and that is no rumour"]
ASK_BEFORE_TEST = ["", "", "", "From the passage, ", "Having read this, "]

# Sentences without an answer in them, for passages that are not all facts.
FILLER = ["The weather was fine that week.", "Not much else is known about it.", "Many people came to see for themselves.", "The rest of the page is missing.",
          "It took a long time to find this out.", "Nobody wrote down the details.", "The story has been told many times since.", "There was bread and cheese for all.",
          "The road was muddy and the night was long.", "A few lines were added later by another hand.", "Some doubt it, but most agree.",
          "All this happened before the bridge was closed.", "The birds were singing in the trees.", "Much has changed since then.",
          "The old men still talk about it.", "In winter the snow covers everything.", "The letter was read aloud in the hall.", "A copy of it is kept in a box.",
          "It was neither the first nor the last time.", "The children laughed and ran away.", "For a while there was silence.", "Then the lights went out.",
          "This is what the papers say.", "One should not believe everything.", "The meeting ended late.", "Everyone went home happy."]
FILLER_TEST = ["Rain fell on the roof all night.", "The clerk closed the book and yawned.", "Nothing further was ever recorded.",
               "A stranger listened at the window.", "The candles had burned low by then.", "Opinions on this differ in the county."]
NOTHING = "not stated"

# --- facts of the real world: the "usual facts" ----------------------------------------------------
# country: capital, language, continent

COUNTRIES = """France:Paris:French:Europe Germany:Berlin:German:Europe Italy:Rome:Italian:Europe Spain:Madrid:Spanish:Europe Portugal:Lisbon:Portuguese:Europe
Austria:Vienna:German:Europe Poland:Warsaw:Polish:Europe Hungary:Budapest:Hungarian:Europe Greece:Athens:Greek:Europe Sweden:Stockholm:Swedish:Europe
Norway:Oslo:Norwegian:Europe Denmark:Copenhagen:Danish:Europe Finland:Helsinki:Finnish:Europe Ireland:Dublin:English:Europe Iceland:Reykjavik:Icelandic:Europe
Belgium:Brussels:Dutch:Europe Romania:Bucharest:Romanian:Europe Bulgaria:Sofia:Bulgarian:Europe Ukraine:Kyiv:Ukrainian:Europe Russia:Moscow:Russian:Europe
Turkey:Ankara:Turkish:Asia Egypt:Cairo:Arabic:Africa Morocco:Rabat:Arabic:Africa Kenya:Nairobi:Swahili:Africa Nigeria:Abuja:English:Africa
Ghana:Accra:English:Africa Ethiopia:Addis_Ababa:Amharic:Africa Senegal:Dakar:French:Africa Mali:Bamako:French:Africa Angola:Luanda:Portuguese:Africa
Japan:Tokyo:Japanese:Asia China:Beijing:Chinese:Asia India:New_Delhi:Hindi:Asia Thailand:Bangkok:Thai:Asia Vietnam:Hanoi:Vietnamese:Asia
Indonesia:Jakarta:Indonesian:Asia Iran:Tehran:Persian:Asia Iraq:Baghdad:Arabic:Asia Israel:Jerusalem:Hebrew:Asia Nepal:Kathmandu:Nepali:Asia
Mongolia:Ulaanbaatar:Mongolian:Asia Canada:Ottawa:English:North_America Mexico:Mexico_City:Spanish:North_America Cuba:Havana:Spanish:North_America
Brazil:Brasilia:Portuguese:South_America Argentina:Buenos_Aires:Spanish:South_America Chile:Santiago:Spanish:South_America Peru:Lima:Spanish:South_America
Colombia:Bogota:Spanish:South_America Venezuela:Caracas:Spanish:South_America Uruguay:Montevideo:Spanish:South_America Ecuador:Quito:Spanish:South_America
Australia:Canberra:English:Oceania Fiji:Suva:English:Oceania Albania:Tirana:Albanian:Europe Croatia:Zagreb:Croatian:Europe Serbia:Belgrade:Serbian:Europe
Slovenia:Ljubljana:Slovene:Europe Latvia:Riga:Latvian:Europe Lithuania:Vilnius:Lithuanian:Europe Estonia:Tallinn:Estonian:Europe Georgia:Tbilisi:Georgian:Asia
Armenia:Yerevan:Armenian:Asia Jordan:Amman:Arabic:Asia Lebanon:Beirut:Arabic:Asia Syria:Damascus:Arabic:Asia Qatar:Doha:Arabic:Asia Libya:Tripoli:Arabic:Africa
Tunisia:Tunis:Arabic:Africa Sudan:Khartoum:Arabic:Africa Uganda:Kampala:English:Africa Zambia:Lusaka:English:Africa Namibia:Windhoek:English:Africa
Bolivia:Sucre:Spanish:South_America Paraguay:Asuncion:Spanish:South_America Jamaica:Kingston:English:North_America Haiti:Port-au-Prince:French:North_America
Malta:Valletta:Maltese:Europe Cyprus:Nicosia:Greek:Europe Laos:Vientiane:Lao:Asia Cambodia:Phnom_Penh:Khmer:Asia Pakistan:Islamabad:Urdu:Asia"""

WORLD_PAIRS = {  # relation as (statement, question): pairs
    ("{n} is a color of {v}.", "What has the color {n}?"): "white:snow green:grass yellow:lemons black:coal red:blood blue:the_sky",
    ("A young {n} is called a {v}.", "What is a young {n} called?"):
        "dog:puppy cat:kitten cow:calf sheep:lamb horse:foal goat:kid goose:gosling duck:duckling bear:cub deer:fawn swan:cygnet hen:chick pig:piglet lion:cub frog:tadpole",
    ("The opposite of {n} is {v}.", "What is the opposite of {n}?"):
        "hot:cold big:small high:low early:late fast:slow good:bad hard:soft light:dark long:short new:old open:closed rich:poor strong:weak "
        "thick:thin true:false wet:dry young:old full:empty near:far day:night left:right up:down war:peace love:hate friend:enemy first:last",
    ("{n} is made from {v}.", "What is {n} made from?"):
        "bread:flour wine:grapes cheese:milk paper:wood glass:sand butter:cream beer:barley chocolate:cocoa leather:skin silk:cocoons wool:fleece cider:apples",
    ("The {n} lives in the {v}.", "Where does the {n} live?"):
        "fish:water camel:desert monkey:jungle whale:sea bee:hive bird:nest spider:web rabbit:burrow lion:savanna fox:den",
    ("The home of the {n} is the {v}.", "What is the home of the {n}?"): "king:palace soldier:barracks monk:monastery farmer:farm prisoner:jail sailor:ship nun:convent",
    ("A {n} has {v} legs.", "How many legs does a {n} have?"): "dog:four spider:eight bird:two ant:six horse:four bee:six hen:two crab:ten",
    ("{n} wrote {v}.", "What did {n} write?"): "Homer:the_Iliad Shakespeare:Hamlet Dante:the_Divine_Comedy Cervantes:Don_Quixote Goethe:Faust Tolstoy:War_and_Peace "
        "Melville:Moby-Dick Virgil:the_Aeneid Milton:Paradise_Lost Swift:Gulliver's_Travels Darwin:The_Origin_of_Species Newton:the_Principia",
}

# --- words for names -------------------------------------------------------------------------------

FIRST_NAMES = """James Mary John Linda Robert Susan David Karen Peter Nancy Paul Lisa Mark Betty George Helen Thomas Ruth Anna Maria Henry Laura Frank Julia
Walter Emma Arthur Alice Jack Rose Albert Grace Samuel Jane Ralph Martha Carl Irene Louis Clara Victor Nora Hugo Elsa Ivan Olga Pablo Carmen Luis Elena
Marco Lucia Hans Greta Erik Ingrid Lars Astrid Omar Leila Yusuf Amina Ravi Priya Arjun Meera Kenji Yuki Hiro Sakura Chen Mei Wei Ling Kofi Ama Tunde Ngozi
Diego Sofia Mateo Camila Pierre Chloe Jean Claire Dmitri Anya Stefan Katya Tariq Zara Hassan Fatima Noah Eva Liam Mia Adam Ella Simon Hannah Felix Ida""".split()
LAST_PARTS = ("Smith Brown Taylor Wilson Evans Walker Wright Hall Green Baker Adams Carter Cooper Parker Turner Ward Morgan Hughes Price Bell Cook Bailey Reed Kelly "
              "Cox Ross Wood Watson Brooks Gray Long Foster Powell Jenkins Perry Russell Sullivan Myers Hamilton Graham Fisher Hunt Stone Knight Mason Dixon").split()
COMPOUND_A = ("Stone River Oak Wolf Iron Green High Red Black White Long East West North South King Queen Salt Gold Glass Storm Wind Sun Moon Star Bear Deer Hawk "
              "Swan Crow Elm Pine Rose Clay Sand Snow Frost Fire Water Broad Deep Cold Bright Dark Old New Hill Lake").split()
COMPOUND_B = ("ton ham bury port ford bridge field wood gate well stead wick land ville dale burgh holm by mouth hill side worth cliff moor view crest march "
              "haven brook water stone head point").split()
GROUP_WORDS = "guild club union council choir league society team order circle party band army court senate academy brotherhood committee family tribe".split()
FIRM_WORDS = "company bank shop store bakery brewery farm office firm hotel factory mill press garage bureau studio market agency theater clinic".split()
HOUSE_WORDS = "house castle palace church temple hall library museum hospital tower station school fort chapel abbey villa theater prison warehouse lighthouse".split()
SHIP_WORDS = "ship boat vessel yacht schooner galley raft frigate steamer submarine".split()
BOOK_WORDS = "book novel poem letter essay play song report diary manual".split()
THING_WORDS = ("sword ring lamp clock cup crown drum coin map mirror chair robe knife stone statue key carpet vase bell flag wheel necklace shield painting "
               "basket hammer wagon engine medal violin").split()
ANIMAL_WORDS = "dog cat horse bear wolf fox eagle owl tiger monkey camel goat donkey rabbit snake parrot".split()
JOBS = ("farmer baker teacher doctor lawyer sailor soldier painter singer writer poet cook tailor miner weaver priest judge nurse pilot butcher carpenter mason "
        "potter hunter fisher shepherd banker actor dancer clerk barber gardener engineer chemist printer plumber librarian guard thief spy").split()
COLORS = "red blue green yellow white black brown gray orange purple pink golden silver scarlet".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SPOTS = ("kitchen garden cellar attic barn drawer cupboard forest well stable church tower market cave hall boat wagon chest bucket basket office shed oven "
         "library pantry ditch river yard bathroom bedroom").split()
ADJECTIVES = ("old new small big red blue green golden silver wooden iron broken heavy light bright dark sweet bitter cold hot fresh dry wet rare cheap fine "
              "soft hard round square thin thick long short plain rusty holy magic lost ancient tiny huge clean dirty yellow white black").split()
GOODS = ("wine bread cheese apples oil salt sugar wool silk cotton tea coffee spice wheat rice corn fish meat eggs honey butter soap paper ink glass bricks tiles "
         "coal timber iron copper tin lead gold boots hats gloves shirts ropes nails knives pots pans lamps candles books maps flowers seeds nuts figs dates grapes "
         "onions beans potatoes carrots cabbages pears plums cherries oranges lemons berries mushrooms barrels carts chairs tables beds doors windows guns swords "
         "horses sheep goats pigs ducks geese rugs blankets pipes drums flutes bells toys dolls").split()

# --- a second test, written after the first had been looked at while the wordings above were widened -----

FRESH = {  # relation: (statement, question)
    "leader": ("Orders in {n} are given by {v}.", "Whose orders does {n} obey?"),
    "founder": ("Without {v} there would be no {n}, for {v} began it.", "By whom was {n} begun?"),
    "founded": ("{n} goes back to {v}.", "How far back does {n} go?"),
    "capital": ("The government of {n} sits in {v}, the capital.", "In which capital does the government of {n} sit?"),
    "lies": ("On the map, {n} is inside {v}.", "Inside which land is {n} on the map?"),
    "born": ("{n} first saw the light of day in {v}.", "Where did {n} first see the light of day?"),
    "lives": ("One can visit {n} at home in {v}.", "Where can one visit {n} at home?"),
    "married": ("{n} and {v} are husband and wife.", "With whom is {n} joined as husband and wife?"),
    "friend": ("{n} and {v} have been friends since school.", "With whom has {n} been friends since school?"),
    "wrote": ("The words of {n} come from the pen of {v}.", "From whose pen is {n}?"),
    "captain": ("On board of {n} the commands come from {v}.", "From whom do the commands on board of {n} come?"),
    "cargo": ("Below the deck of {n} there lies {v}.", "What lies below the deck of {n}?"),
    "sells": ("Customers go to {n} for {v}.", "For what do customers go to {n}?"),
    "seat": ("Letters for {n} are sent to {v}.", "To which town are letters for {n} sent?"),
    "owner": ("The keys of {n} are held by the owner, {v}.", "Which owner holds the keys of {n}?"),
    "builder": ("The hands that raised {n} were those of {v}.", "Whose hands raised {n}?"),
    "price": ("To take {n} home, one must lay down {v} coins.", "How many coins must one lay down to take {n} home?"),
    "members": ("When all of {n} meet, {v} members are there.", "How many members are there when all of {n} meet?"),
    "age": ("{n} has lived for {v} years.", "For how many years has {n} lived?"),
    "maker": ("{n} left the workbench of {v}.", "Whose workbench did {n} leave?"),
    "works": ("Each morning {n} goes to work at {v}.", "Where does {n} go to work each morning?"),
    "job": ("In daily life {n} is busy as a {v}.", "As what is {n} busy in daily life?"),
    "tongue": ("Whoever visits {n} should learn {v}, which is spoken there.", "Which language should a visitor of {n} learn?"),
    "code": ("Clerks file {n} under the code {v}.", "Under which code do clerks file {n}?"),
    "taught": ("{n} sat at the feet of the teacher {v}.", "At the feet of which teacher did {n} sit?"),
    "near": ("The next place after {n} is {v}.", "What is the next place after {n}?"),
}
FRESH_NOUN_STATEMENTS = ["Among the things told of {n}: {v} is the {r}.", "Ask {n} about the {r}, and the reply will be {v}."]
FRESH_NOUN_QUESTIONS = ["If one asks {n} about the {r}, what is the reply?", "How is the {r} of {n} called?"]
BEFORE_FRESH = ["", "", "", "My notes show that ", "So far, ", "Somewhere it is written that "]
AFTER_FRESH = ["", "", "", ", says the guide", " as usual"]
ASK_BEFORE_FRESH = ["", "", "", "", "From what you just read: ", "One more thing: "]
FILLER_FRESH = ["The tea had gone cold.", "A window stood open.", "There is no more to tell about that.", "The ink has faded in places.",
                "Later visitors found the gate locked.", "It was the talk of the week."]

# --- wordings for a dev set: written by hand, never trained on, free to be looked at ------------------

HAND = [  # (kinds of subject, kind of value, statement, question)
    ("place group", "person", "{n} obeys nobody except {v}.", "Whom does {n} obey?"),
    ("place land", "person", "The last ruler to leave {n} was {v}.", "Which ruler left {n} last?"),
    ("group firm", "year", "Nobody had heard of {n} before {v}, the year it began.", "In which year did {n} begin?"),
    ("place", "land", "A train goes from {n} straight into {v}.", "Into which land does a train from {n} go?"),
    ("person", "place", "All her childhood, {n} spent in {v}.", "Where did {n} spend childhood?"),
    ("person", "place", "Since the flood {v} has sheltered {n}.", "Which place shelters {n}?"),
    ("person", "person", "{n} and {v} exchanged rings.", "With whom did {n} exchange rings?"),
    ("person", "person", "{n} never travels without {v}.", "Who always travels with {n}?"),
    ("book", "person", "Readers of {n} thank {v} for every line.", "Whom do readers of {n} thank?"),
    ("book", "person", "The name on the cover of {n} is {v}, a pen name perhaps.", "What name is on the cover of {n}?"),
    ("book", "number", "One needs {v} evenings to finish {n}.", "How many evenings does one need to finish {n}?"),
    ("ship", "person", "At the helm of {n} you meet {v}.", "Whom do you meet at the helm of {n}?"),
    ("ship", "thing", "Dockers unloaded {v} from {n}.", "What was unloaded from {n}?"),
    ("ship", "place", "{n} dropped anchor off {v} and waited.", "Off which place did {n} drop anchor?"),
    ("firm", "thing", "{v} made {n} rich.", "What made {n} rich?"),
    ("firm person", "thing", "In its window {n} displays {v}.", "What is displayed by {n}?"),
    ("firm group", "place", "If you want to see {n}, take the bus to {v}.", "Where must one go to see {n}?"),
    ("firm house ship", "person", "The bills of {n} all go to {v}.", "Who gets the bills of {n}?"),
    ("house", "person", "The plans for {n} were drawn by {v}, an architect.", "Which architect drew the plans for {n}?"),
    ("house ship", "year", "The fire of {v} spared {n}.", "In which year did a fire spare {n}?"),
    ("house thing", "color", "Somebody gave {n} a coat of {v} paint.", "What color was the paint that {n} got?"),
    ("thing", "number", "The bidding for {n} stopped at {v} coins.", "At how many coins did the bidding for {n} stop?"),
    ("group firm", "number", "All {v} seats of {n} are taken.", "How many seats does {n} have?"),
    ("person", "number", "{n} blew out {v} candles.", "How many candles did {n} blow out?"),
    ("thing", "place", "A farmer dug up {n} in {v}.", "In what place was {n} dug up?"),
    ("thing", "person", "It took {v} a month to make {n}.", "Who needed a month to make {n}?"),
    ("animal person", "thing", "Give {n} {v} and all is well.", "What should be given to {n}?"),
    ("person", "firm", "{n} signed a contract with {v}.", "With which firm did {n} sign a contract?"),
    ("person", "job", "The passport of {n} says {v}.", "Which job does the passport of {n} give?"),
    ("place land", "tongue", "Signs in {n} are written in {v}.", "In which language are signs in {n} written?"),
    ("place", "rivername", "The bridge at {n} crosses the {v}.", "What does the bridge at {n} cross?"),
    ("thing firm ship house", "code", "A tag marked {v} hangs from {n}.", "How is the tag on {n} marked?"),
    ("firm group", "day", "Except on {v}, the doors of {n} stay shut.", "On which day are the doors of {n} not shut?"),
    ("person", "person", "All that {n} knows was once taught by {v}.", "Who taught {n} all this?"),
    ("person group", "thing", "The jury handed {v} to {n}.", "What did {n} get from the jury?"),
    ("land group person", "person", "{n} lost a war against {v}.", "Against whom did {n} lose a war?"),
    ("thing person", "spot", "Under a cloth in the {v} we saw {n}.", "In which room was {n} seen?"),
    ("place house", "place", "Smoke from {v} can be seen in {n}.", "From which place does {n} see smoke?"),
]
HAND_NOUN = [("The {r} chosen by {n} is {v}.", "Which {r} did {n} choose?"), ("There is one {r} for {n}, namely {v}.", "Which {r} is there for {n}?"),
             ("Rumour has it that {v} is {n}'s new {r}.", "Who or what is the new {r} of {n}?"), ("{n} still owes {v}, the {r}, a reply.", "What is the {r} of {n}?")]
BEFORE_HAND = ["", "", "", "The diary adds that ", "For what it is worth, ", "On a slip of paper we found: "]
AFTER_HAND = ["", "", "", ", if the diary is right", " without delay", ", so much is sure"]
ASK_BEFORE_HAND = ["", "", "", "A short question: ", "Judging by the lines above, "]
FILLER_HAND = ["The stove smoked a little.", "That was all the postman knew.", "Someone had torn out the next page.", "The dogs barked until morning."]

# --- a third test, written when the first two had become known; its score was taken at the end only ------

THIRD = [  # (kinds of subject, kind of value, statement, question)
    ("place group", "person", "The mayor of {n} is called {v}.", "What is the mayor of {n} called?"),
    ("place land", "number", "The census found {v} families in {n}.", "How many families did the census find in {n}?"),
    ("place land", "thing", "The fields around {n} yield {v}.", "What do the fields around {n} yield?"),
    ("place", "year", "The walls of {n} came down in {v}.", "When did the walls of {n} come down?"),
    ("place house", "place", "A footpath connects {n} with {v}.", "With which place does a footpath connect {n}?"),
    ("person", "place", "{n} went to school in {v}.", "Where did {n} go to school?"),
    ("person", "place", "Last autumn {n} emigrated to {v}.", "To which place did {n} emigrate?"),
    ("person", "person", "{n} inherited everything from {v}.", "From whom did {n} inherit everything?"),
    ("person", "person", "{v} plays chess with {n} on Sundays.", "Who plays chess with {n}?"),
    ("person", "person", "{n} owes money to {v}.", "To whom does {n} owe money?"),
    ("person", "year", "{n} retired in {v}.", "In which year did {n} retire?"),
    ("person", "job", "{n} makes ends meet as a {v}.", "As what does {n} make ends meet?"),
    ("person", "number", "{n} stands {v} inches tall.", "How many inches tall is {n}?"),
    ("person", "tongue", "At home {n} talks only {v}.", "Which language does {n} talk at home?"),
    ("person animal", "thing", "{n} cannot resist {v}.", "What is it that {n} cannot resist?"),
    ("person", "firm", "{n} handed in a resignation at {v}.", "Where did {n} hand in a resignation?"),
    ("book", "person", "{n} was translated by {v}.", "Who translated {n}?"),
    ("book", "number", "{n} runs to {v} pages.", "To how many pages does {n} run?"),
    ("book", "thing", "{n} is all about {v}.", "What is {n} about?"),
    ("ship", "person", "{v} steers {n} through the fog.", "Who steers {n} through the fog?"),
    ("ship", "place", "{n} was towed into the harbor of {v}.", "Into which harbor was {n} towed?"),
    ("ship", "number", "{n} has berths for {v} passengers.", "For how many passengers does {n} have berths?"),
    ("firm", "thing", "{n} imports {v} from overseas.", "What does {n} import from overseas?"),
    ("firm group", "person", "The accounts of {n} are kept by {v}.", "By whom are the accounts of {n} kept?"),
    ("firm group", "day", "{n} rests on {v}.", "On what day does {n} rest?"),
    ("firm house", "person", "{n} was sold to {v}.", "To whom was {n} sold?"),
    ("house", "color", "The roof of {n} is {v}.", "What color is the roof of {n}?"),
    ("house", "year", "{n} burned to the ground in {v}.", "When did {n} burn to the ground?"),
    ("thing", "person", "{n} was stolen by {v}.", "Who stole {n}?"),
    ("thing", "number", "{n} weighs {v} pounds.", "How many pounds does {n} weigh?"),
    ("thing person", "spot", "The searchers came upon {n} in the {v}.", "Where did the searchers come upon {n}?"),
    ("thing firm ship house", "code", "In the catalogue {n} goes by the number {v}.", "By which number does {n} go in the catalogue?"),
    ("group", "thing", "{n} voted for {v}.", "For what did {n} vote?"),
    ("group person", "person", "{n} put its trust in {v}.", "In whom did {n} put trust?"),
    ("land", "rivername", "The border of {n} follows the {v}.", "What does the border of {n} follow?"),
]
THIRD_NOUN = [("{n} settled on {v} for its {r}.", "On what did {n} settle for its {r}?"), ("The present {r} of {n} goes by {v}.", "By what does the present {r} of {n} go?"),
              ("It was agreed to make {v} the {r} of {n}.", "What was made the {r} of {n}?")]
BEFORE_THIRD = ["", "", "", "The almanac reports that ", "Until further notice, ", "Small wonder that "]
AFTER_THIRD = ["", "", "", ", the gardener insists", " for the time being", ", and there the matter rests"]
ASK_BEFORE_THIRD = ["", "", "", "Based on these sentences, ", "Quick check: "]
FILLER_THIRD = ["A cart rattled over the cobbles.", "The handwriting gets smaller towards the bottom.", "No two witnesses told it alike.", "The soup was getting cold."]
