/* Books told by quote ids: the table of quotes, and their express. A part of _native.c. */

/* ----------------------------------------------------------------------------------------------------- quotes -- */

/* The native twin of `QuoteTable` in model/quotes.py: quotes by id, and their sums by price, in two open tables of one
 * make. A message is heard to its end before any of it is applied; what it leaves at each price it touched goes to the
 * scratch array as rows. */
typedef struct {
    uint64_t key;  /* 0: free. Of a quote: its id and one; of a level: its price and side */
    uint64_t mark; /* of a quote: its level; of a level: is its row noted? */
    int64_t size;  /* of a level: the sum of its quotes, not 0 between messages */
} Slot;

typedef struct {
    Slot *slots;
    size_t count, room; /* room is a power of two, and a third of it free; 0: nothing was ever kept */
} Slots;

typedef struct {
    PyObject_HEAD
    Slots quotes, levels;
    size_t empty;  /* quotes of size 0: their levels may be missing */
    int64_t total; /* of all sizes: no sum is beyond it */
} QuoteTable;

static PyTypeObject QuoteTableType;

#define LEVEL_OF(side, price) ((uint64_t)(price) << 1 | (uint64_t)(side))

static inline size_t home_of(const Slots *slots, uint64_t key)
{
    return (size_t)(key * 0x9E3779B97F4A7C15u >> 32) & (slots->room - 1);
}

/* Where the key stands, or the free slot where it would. */
static inline Slot *slot_of(const Slots *slots, uint64_t key)
{
    size_t at = home_of(slots, key);
    while (slots->slots[at].key && slots->slots[at].key != key) {
        at = (at + 1) & (slots->room - 1);
    }
    return slots->slots + at;
}

/* Room for so many more keys; -1 and MemoryError. */
static int reserve_slots(Slots *slots, size_t more)
{
    size_t needed = (slots->count + more) / 2 * 3 + 3;
    if (needed <= slots->room) {
        return 0;
    }
    Slots grown = {.count = slots->count, .room = slots->room ? slots->room : 64};
    while (grown.room < needed) {
        grown.room *= 2;
    }
    grown.slots = PyMem_Calloc(grown.room, sizeof(Slot));
    if (grown.slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t n = 0; n < slots->room; n++) {
        if (slots->slots[n].key) {
            *slot_of(&grown, slots->slots[n].key) = slots->slots[n];
        }
    }
    PyMem_Free(slots->slots);
    *slots = grown;
    return 0;
}

/* Free a slot; those behind it that it kept from their home move up. */
static void free_slot(Slots *slots, Slot *slot)
{
    size_t last = slots->room - 1, hole = (size_t)(slot - slots->slots), at = hole;
    for (;;) {
        at = (at + 1) & last;
        if (slots->slots[at].key == 0) {
            break;
        }
        if (((at - home_of(slots, slots->slots[at].key)) & last) >= ((at - hole) & last)) {
            slots->slots[hole] = slots->slots[at];
            hole = at;
        }
    }
    slots->slots[hole].key = 0;
    slots->count--;
}

#define GONE (-1) /* instead of a side */

typedef struct {
    int64_t id, price, size;
    int side;
} Quote;

/* What a message says, as it was heard. Large only while a full book passes through it. */
static struct {
    Quote *quotes;
    Py_ssize_t count, room;
} heard;

/* -1 when memory is out. */
static inline int hear(int side, int64_t id, int64_t price, int64_t size)
{
    if (heard.count == heard.room) {
        Py_ssize_t room = heard.room ? heard.room * 2 : SCRATCH_KEPT;
        Quote *quotes = PyMem_Realloc(heard.quotes, (size_t)room * sizeof(Quote));
        if (quotes == NULL) {
            return -1;
        }
        heard.quotes = quotes;
        heard.room = room;
    }
    heard.quotes[heard.count++] = (Quote){id, price, size, side};
    return 0;
}

static void shrink_heard(void)
{
    if (heard.room > SCRATCH_KEPT) {
        PyMem_Free(heard.quotes);
        heard.quotes = NULL;
        heard.room = 0;
    }
    heard.count = 0;
}

/* So much more stands at a level; its row is noted where it is touched first. There is room for both. */
static void add_to_level(QuoteTable *self, uint64_t key, int64_t size)
{
    Slot *level = slot_of(&self->levels, key);
    if (level->key == 0) {
        *level = (Slot){.key = key};
        self->levels.count++;
    }
    level->size += size;
    self->total += size;
    if (!level->mark) {
        level->mark = 1;
        add_row((int)(key & 1), (int64_t)(key >> 1), 0);
    }
}

/* A quote leaves its level. */
static void leave_level(QuoteTable *self, const Slot *quote)
{
    self->empty -= quote->size == 0;
    add_to_level(self, quote->mark, -quote->size);
}

static void forget_quote(QuoteTable *self, const Quote *quote)
{
    Slot *slot = slot_of(&self->quotes, (uint64_t)quote->id + 1);
    if (slot->key) {
        leave_level(self, slot);
        free_slot(&self->quotes, slot);
    }
}

static void keep_quote(QuoteTable *self, const Quote *quote)
{
    uint64_t key = (uint64_t)quote->id + 1, level = LEVEL_OF(quote->side, quote->price);
    Slot *slot = slot_of(&self->quotes, key);
    if (slot->key) {
        leave_level(self, slot);
    } else {
        self->quotes.count++;
    }
    *slot = (Slot){key, level, quote->size};
    self->empty += quote->size == 0;
    add_to_level(self, level, quote->size);
}

/* The sizes of the rows; levels without a quote are no more. */
static void fill_rows(QuoteTable *self)
{
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        Row *row = scratch.rows + n;
        Slot *level = slot_of(&self->levels, LEVEL_OF(row->action, row->price));
        row->size = level->size;
        level->mark = 0;
        if (level->size == 0) {
            free_slot(&self->levels, level);
        }
    }
}

/* Apply what was heard: 1, and the scratch array holds the rows of every price that was touched. 0: the sums might not
 * fit; -1 and MemoryError: and nothing has changed then, either. */
static int apply_heard(QuoteTable *self)
{
    size_t new = 0;
    int64_t most = self->total;
    for (Py_ssize_t n = 0; n < heard.count; n++) {
        const Quote *quote = heard.quotes + n;
        if (quote->side != GONE) {
            if (quote->size > INT64_MAX - most) {
                return 0;
            }
            most += quote->size;
            new++;
        }
    }
    /* A quote may touch two levels: the one it leaves and the one it comes to. */
    while (scratch.room < 2 * heard.count) {
        if (more_room() < 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    if (reserve_slots(&self->quotes, new) < 0 || reserve_slots(&self->levels, new + self->empty) < 0) {
        return -1;
    }
    scratch.count = 0;
    for (Py_ssize_t n = 0; n < heard.count; n++) {
        if (heard.quotes[n].side == GONE) {
            forget_quote(self, heard.quotes + n);
        }
    }
    for (Py_ssize_t n = 0; n < heard.count; n++) {
        if (heard.quotes[n].side != GONE) {
            keep_quote(self, heard.quotes + n);
        }
    }
    fill_rows(self);
    return 1;
}

/* ----------------------------------------------------------------------------------- quotes, the Python surface -- */

static PyObject *QuoteTable_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return type->tp_alloc(type, 0);
}

static void QuoteTable_dealloc(QuoteTable *self)
{
    PyMem_Free(self->quotes.slots);
    PyMem_Free(self->levels.slots);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static Py_ssize_t QuoteTable_length(QuoteTable *self)
{
    return (Py_ssize_t)self->quotes.count;
}

static PyObject *list_of_rows(const Row *rows, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t n = 0; list != NULL && n < count; n++) {
        PyObject *row =
            Py_BuildValue("(iLL)", (int)rows[n].action, (long long)rows[n].price, (long long)rows[n].size);
        if (row == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, n, row);
        }
    }
    return list;
}

/* A Python integer that the table can hold: 1; one that it cannot: 0 and OverflowError; -1 and TypeError. */
static int held(PyObject *number, int64_t least, int64_t *value)
{
    int fine = natural(number, value);
    if (fine < 0) {
        return PyErr_ExceptionMatches(PyExc_OverflowError) ? 0 : -1;
    }
    if (fine == 0 || *value < least) {
        PyErr_SetString(PyExc_OverflowError, "not a number that a native table of quotes can hold");
        return 0;
    }
    return 1;
}

/* One Python quote to what is heard; 0 and an error when it is none, or one that cannot be held. */
static int hear_quote(PyObject *item)
{
    int64_t id, side, price, size;
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 4) {
        PyErr_SetString(PyExc_TypeError, "a quote is (id, side, price, size)");
        return 0;
    }
    if (held(PyTuple_GET_ITEM(item, 0), 0, &id) <= 0 || held(PyTuple_GET_ITEM(item, 1), 0, &side) <= 0 ||
        held(PyTuple_GET_ITEM(item, 2), 1, &price) <= 0 || held(PyTuple_GET_ITEM(item, 3), 0, &size) <= 0) {
        return 0;
    }
    if (side > SET_ASK) {
        PyErr_SetString(PyExc_ValueError, "a quote is a bid or an ask");
        return 0;
    }
    if (hear((int)side, id, price, size) < 0) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

static int hear_gone(PyObject *item)
{
    int64_t id;
    if (held(item, 0, &id) <= 0) {
        return 0;
    }
    if (hear(GONE, id, 0, 0) < 0) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

/* apply(new, gone) -> rows. Both are listed first: they may come out of Python code that uses tables itself. */
static PyObject *QuoteTable_apply(QuoteTable *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "apply(new, gone)");
        return NULL;
    }
    PyObject *new = PySequence_Fast(args[0], "quotes are iterable"), *rows = NULL;
    PyObject *gone = new == NULL ? NULL : PySequence_Fast(args[1], "ids are iterable");
    int fine = gone != NULL;
    heard.count = scratch.count = 0;
    for (Py_ssize_t n = 0; fine && n < PySequence_Fast_GET_SIZE(new); n++) {
        fine = hear_quote(PySequence_Fast_GET_ITEM(new, n));
    }
    for (Py_ssize_t n = 0; fine && n < PySequence_Fast_GET_SIZE(gone); n++) {
        fine = hear_gone(PySequence_Fast_GET_ITEM(gone, n));
    }
    if (fine) {
        fine = apply_heard(self);
        if (fine == 0) {
            PyErr_SetString(PyExc_OverflowError, "sizes that add up beyond 63 bits");
        }
    }
    if (fine > 0) {
        rows = list_of_rows(scratch.rows, scratch.count);
    }
    shrink_heard();
    shrink_scratch();
    Py_XDECREF(new);
    Py_XDECREF(gone);
    return rows;
}

static PyObject *QuoteTable_quotes(QuoteTable *self, PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New((Py_ssize_t)self->quotes.count);
    Py_ssize_t place = 0;
    for (size_t n = 0; list != NULL && n < self->quotes.room; n++) {
        const Slot *slot = self->quotes.slots + n;
        if (slot->key == 0) {
            continue;
        }
        PyObject *quote = Py_BuildValue("(KiKL)", (unsigned long long)(slot->key - 1), (int)(slot->mark & 1),
                                        (unsigned long long)(slot->mark >> 1), (long long)slot->size);
        if (quote == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, place++, quote);
        }
    }
    return list;
}

static PyObject *QuoteTable_sizeof(QuoteTable *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromSize_t(sizeof(QuoteTable) + (self->quotes.room + self->levels.room) * sizeof(Slot));
}

/* What an event of such a book is read with: the rows that it came to, whatever is asked. As `given` in
 * model/market.py; Python sees them only if somebody asks. */
typedef struct {
    PyObject_VAR_HEAD
    Row rows[1];
} Given;

static PyTypeObject GivenType;

/* Of the scratch rows. */
static PyObject *given_scratch(void)
{
    Given *self = PyObject_NewVar(Given, &GivenType, scratch.count);
    if (self != NULL && scratch.count) {
        memcpy(self->rows, scratch.rows, (size_t)scratch.count * sizeof(Row));
    }
    return (PyObject *)self;
}

static PyObject *Given_call(Given *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return list_of_rows(self->rows, Py_SIZE(self));
}

static void Given_dealloc(Given *self)
{
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* ------------------------------------------------------------------------------------------- quotes by express -- */

enum { QUOTE_ID, QUOTE_SIZE, QUOTE_BID, QUOTE_ASK, QUOTE_FIELDS };
enum { NEW_QUOTES, GONE_IDS, LISTS }; /* the first members of a body; whole numbers are the others */

#define MOST_MEMBERS 8
#define BIT(n) (1u << (n))

/* Where things stand in a body, out of a QuoteShape's plan. */
typedef struct {
    Quoted members[MOST_MEMBERS], fields[QUOTE_FIELDS];
    int member_count;
} QuotePlan;

typedef struct {
    Express base;
    QuotePlan plan;
    PyObject *tables; /* dict: bytes -> QuoteTable */
} QuoteExpress;

static PyTypeObject QuoteExpressType;

/* Past one of these keys and its colon: which it is; members mostly come in the record's order, so `next` is tried
 * first. Other members are passed over whole, and are `count`. -1: neither, or a key that was `seen`. */
static inline int take_key(Cursor *cursor, const Quoted *keys, int count, int next, unsigned *seen)
{
    skip_blanks(cursor);
    for (int tried = 0; tried < count; tried++) {
        int n = next + tried < count ? next + tried : next + tried - count;
        if (take_quoted(cursor, keys + n)) {
            int again = (*seen & BIT(n)) != 0;
            *seen |= BIT(n);
            return again || !take(cursor, ':') ? -1 : n;
        }
    }
    return skip_text(cursor) && take(cursor, ':') && skip_value(cursor, 0) ? count : -1;
}

static inline int take_number(Cursor *cursor, int64_t *value)
{
    skip_blanks(cursor);
    const char *after = past_short_whole(cursor->at, cursor->end, value);
    if (after == NULL) {
        after = past_whole(cursor->at, value);
    }
    if (after == NULL) {
        return 0;
    }
    cursor->at = after;
    return 1;
}

/* A quote, with its price on one side; what has none, or 0, or two, is for the venue's reader. */
static int take_quote(Cursor *cursor, const QuotePlan *plan)
{
    int64_t values[QUOTE_FIELDS];
    unsigned seen = 0;
    int n = -1;
    if (!take(cursor, '{')) {
        return 0;
    }
    do {
        n = take_key(cursor, plan->fields, QUOTE_FIELDS, n + 1 < QUOTE_FIELDS ? n + 1 : 0, &seen);
        if (n < 0 || (n < QUOTE_FIELDS && !take_number(cursor, &values[n]))) {
            return 0;
        }
    } while (take(cursor, ','));
    int side = seen == (BIT(QUOTE_ID) | BIT(QUOTE_SIZE) | BIT(QUOTE_BID))   ? SET_BID
               : seen == (BIT(QUOTE_ID) | BIT(QUOTE_SIZE) | BIT(QUOTE_ASK)) ? SET_ASK
                                                                            : GONE;
    if (side == GONE || values[QUOTE_BID + side] == 0 || !take(cursor, '}')) {
        return 0;
    }
    int heard_it = hear(side, values[QUOTE_ID], values[QUOTE_BID + side], values[QUOTE_SIZE]) == 0;
    cursor->no_memory |= !heard_it;
    return heard_it;
}

static int take_gone(Cursor *cursor)
{
    int64_t id;
    if (!take_number(cursor, &id)) {
        return 0;
    }
    int heard_it = hear(GONE, id, 0, 0) == 0;
    cursor->no_memory |= !heard_it;
    return heard_it;
}

static int take_list(Cursor *cursor, const QuotePlan *plan, int member)
{
    if (!take(cursor, '[')) {
        return 0;
    }
    if (take(cursor, ']')) {
        return 1;
    }
    do {
        if (!(member == NEW_QUOTES ? take_quote(cursor, plan) : take_gone(cursor))) {
            return 0;
        }
    } while (take(cursor, ','));
    return take(cursor, ']');
}

/* A body from `at` up to `end` to what is heard: 1; not certain: 0; -1 and MemoryError. */
static int hear_body(const QuotePlan *plan, const char *at, const char *end)
{
    Cursor cursor = {.at = at, .end = end};
    unsigned seen = 0;
    int n = LISTS - 1, fine = take(&cursor, '{');
    heard.count = 0;
    if (fine) {
        do {
            n = take_key(&cursor, plan->members, plan->member_count, n + 1 < plan->member_count ? n + 1 : 0, &seen);
            int64_t ignored;
            fine = n >= 0 && (n == plan->member_count ? 1
                              : n < LISTS             ? take_list(&cursor, plan, n)
                                                      : take_number(&cursor, &ignored));
        } while (fine && take(&cursor, ','));
    }
    if (cursor.no_memory) {
        PyErr_NoMemory();
        return -1;
    }
    return fine && take(&cursor, '}') && cursor.at == end;
}

/* The table of a frame's book; borrowed. NULL without an error where there is no native one. */
static QuoteTable *table_of(const QuoteExpress *self, const Found *found)
{
    PyObject *key = PyBytes_FromStringAndSize(found->key, found->key_length);
    if (key == NULL) {
        return NULL;
    }
    PyObject *table = PyDict_GetItemWithError(self->tables, key);
    Py_DECREF(key);
    return table != NULL && Py_IS_TYPE(table, &QuoteTableType) ? (QuoteTable *)table : NULL;
}

/* A body to the table and on to the book, whole or not at all: 1; not certain: 0; -1 and an error. The rows stay in the
 * scratch array. */
static int apply_body(const QuoteExpress *self, const Found *found, QuoteTable *table, Core *book, Py_ssize_t depth)
{
    Ladder *bids = (Ladder *)book->bids, *asks = (Ladder *)book->asks;
    int fine = hear_body(&self->plan, found->body, found->end);
    /* With room for every row there may be, the book cannot fail where the table has changed. */
    if (fine > 0 && (reserve(bids, 2 * heard.count) < 0 || reserve(asks, 2 * heard.count) < 0)) {
        fine = -1;
    }
    if (fine > 0) {
        fine = apply_heard(table);
    }
    if (fine > 0) {
        apply_scratch(bids, asks);
        if (depth >= 0) {
            cut_to(bids, depth);
            cut_to(asks, depth);
        }
    }
    shrink_heard();
    return fine;
}

/* take(payload, now) */
static PyObject *QuoteExpress_take(QuoteExpress *self, PyObject *const *args, Py_ssize_t count)
{
    Express *base = &self->base;
    Intake *intake = base->intake;
    if (count != 2 || !PyBytes_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "take(payload: bytes, now)");
        return NULL;
    }
    long long now = PyLong_AsLongLong(args[1]);
    if (now == -1 && PyErr_Occurred()) {
        return NULL;
    }
    const char *payload = PyBytes_AS_STRING(args[0]), *end = payload + PyBytes_GET_SIZE(args[0]);
    Found found = {.seq = -1};
    if (!intake->open || !find(base, payload, end, &found) || (base->numbered && found.seq != intake->expected)) {
        Py_RETURN_FALSE;
    }
    Core *book = book_of(base, &found);
    QuoteTable *table = book == NULL ? NULL : table_of(self, &found);
    Py_ssize_t depth = table == NULL ? -1 : depth_of(book->depth);
    if (table == NULL || depth == -2) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    }
    int fine = apply_body(self, &found, table, book, depth);
    if (fine > 0 && (book->told != Py_None || !is_sound(base, book, 0, now))) {
        found.read = given_scratch();
    }
    shrink_scratch();
    if (fine <= 0) {
        return fine < 0 ? NULL : Py_NewRef(Py_False);
    }
    intake->frames_in++;
    intake->bytes_in += end - payload;
    intake->expected += base->numbered;
    intake->last_received = now;
    Py_INCREF(book); /* a listener may let go of it */
    fine = !PyErr_Occurred() && settle(base, book, &found, now, args[1]);
    Py_DECREF(book);
    Py_XDECREF(found.read);
    return fine ? Py_NewRef(Py_True) : NULL;
}

static int QuoteExpress_traverse(QuoteExpress *self, visitproc visit, void *arg)
{
    Py_VISIT(self->tables);
    return Express_traverse(&self->base, visit, arg);
}

static int QuoteExpress_clear(QuoteExpress *self)
{
    Py_CLEAR(self->tables);
    return Express_clear(&self->base);
}

static void QuoteExpress_dealloc(QuoteExpress *self)
{
    PyObject_GC_UnTrack(self);
    QuoteExpress_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* Keys out of a tuple; 0 and an error when they are no plain words. */
static int plan_keys(PyObject *keys, Quoted *quoted)
{
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(keys); n++) {
        PyObject *key = PyTuple_GET_ITEM(keys, n);
        if (!PyUnicode_Check(key)) {
            PyErr_SetString(PyExc_TypeError, "a key is a text");
            return 0;
        }
        if (!quote(key, quoted + n)) {
            return 0;
        }
    }
    return 1;
}

/* ((new, gone), (id, size, bid, ask), (others, ...)) */
static int plan_quotes(QuotePlan *plan, PyObject *given)
{
    PyObject *lists, *fields, *others;
    if (!PyArg_ParseTuple(given, "O!O!O!", &PyTuple_Type, &lists, &PyTuple_Type, &fields, &PyTuple_Type, &others)) {
        return 0;
    }
    if (PyTuple_GET_SIZE(lists) != LISTS || PyTuple_GET_SIZE(fields) != QUOTE_FIELDS ||
        PyTuple_GET_SIZE(others) > MOST_MEMBERS - LISTS) {
        PyErr_SetString(PyExc_ValueError, "not a shape of a book that is told by quote ids");
        return 0;
    }
    plan->member_count = LISTS + (int)PyTuple_GET_SIZE(others);
    return plan_keys(lists, plan->members) && plan_keys(fields, plan->fields) &&
           plan_keys(others, plan->members + LISTS);
}

/* QuoteExpress(parts, tail, plan, intake, books, tables, numbered, event) */
static PyObject *QuoteExpress_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *parts, *tail, *plan, *intake, *books, *tables, *event;
    int numbered;
    if (!PyArg_ParseTuple(args, "O!SO!O!O!O!pO:QuoteExpress", &PyTuple_Type, &parts, &tail, &PyTuple_Type, &plan,
                          &IntakeType, &intake, &PyDict_Type, &books, &PyDict_Type, &tables, &numbered, &event)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(parts) > MOST_PARTS) {
        PyErr_SetString(PyExc_ValueError, "too many parts");
        return NULL;
    }
    QuoteExpress *self = (QuoteExpress *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    Express *base = &self->base;
    base->tail = Py_NewRef(tail);
    base->intake = (Intake *)Py_NewRef(intake);
    base->books = Py_NewRef(books);
    base->numbered = numbered;
    base->event = Py_NewRef(event);
    base->shape = Py_NewRef(Py_None);
    base->names = interned(MEMBERS, sizeof MEMBERS / sizeof *MEMBERS);
    self->tables = Py_NewRef(tables);
    int fine = base->names != NULL && plan_quotes(&self->plan, plan);
    for (Py_ssize_t n = 0; fine && n < PyTuple_GET_SIZE(parts); n++) {
        fine = plan_part(base, PyTuple_GET_ITEM(parts, n));
    }
    if (!fine) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}
