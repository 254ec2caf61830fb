/* The native twins of `ladder.py`, `core.py`, `express.py` and `quotes.py`, and a reader of raw JSON bodies.
 *
 *   frame --Express--> body --Reader--> rows --apply--> two Ladders of a Core --> who listens
 *   frame --QuoteExpress--> body --> quotes --QuoteTable--> rows, and on as above
 *
 * A Ladder is one side of a book: a flat array sorted with the best level last, so that changes near the top move next
 * to nothing in memory. A level that goes keeps its place, with size 0, for the next that comes there or beside it; the
 * last place always has a level. A Reader knows by a `Shape` (model/shape.py) where side, price and size stand in a
 * venue's rows. It reads what it is certain of and refuses everything else: `read` answers False, nothing has changed,
 * and the venue's own Python reader decides what the body means. So there is no error of a body's here, only True and
 * False; and for `rows` and `levels`, which make Python objects of a body, those and None.
 *
 * All of a body is read before any of it is applied. Numbers are int64; what does not fit raises OverflowError in the
 * calls that take Python integers, before anything has changed, and is refused by `read`.
 *
 * The module does not declare itself free of the GIL: the scratch arrays, of rows and of quotes, serve all books.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raised with the C surface: a build that is left over from another version is not used. */
#define SURFACE 4

static PyObject *BookError;
static PyObject *type_of_level, *type_of_change, *from_scaled, *multiply; /* of the model; the last loses nothing */
#define SCALES 19
static PyObject *units[SCALES]; /* one of each of the usual scales, as a Decimal */

/* ------------------------------------------------------------------------------------------------------- rows -- */

enum { SET_BID, SET_ASK, THRU_BID, THRU_ASK }; /* as in model/market.py */

typedef struct {
    int32_t action;
    int32_t place; /* in the message; keeps the sort of a full book stable */
    int64_t price;
    int64_t size;
} Row;

/* The scratch array. Large only while a full book passes through it. */
static struct {
    Row *rows;
    Py_ssize_t count, room;
} scratch;

#define SCRATCH_KEPT 1024

static int more_room(void)
{
    Py_ssize_t room = scratch.room ? scratch.room * 2 : SCRATCH_KEPT;
    if (room > INT32_MAX) {
        return -1;
    }
    Row *rows = PyMem_Realloc(scratch.rows, (size_t)room * sizeof(Row));
    if (rows == NULL) {
        return -1;
    }
    scratch.rows = rows;
    scratch.room = room;
    return 0;
}

/* -1 when memory is out. */
static inline int add_row(int action, int64_t price, int64_t size)
{
    if (scratch.count == scratch.room && more_room() < 0) {
        return -1;
    }
    scratch.rows[scratch.count] = (Row){action, (int32_t)scratch.count, price, size};
    scratch.count++;
    return 0;
}

static void shrink_scratch(void)
{
    if (scratch.room > SCRATCH_KEPT) {
        PyMem_Free(scratch.rows);
        scratch.rows = NULL;
        scratch.room = 0;
    }
    scratch.count = 0;
}

/* ----------------------------------------------------------------------------------------------------- ladder -- */

typedef struct {
    int64_t key; /* price times sign: ascending on both sides, the best last */
    int64_t size; /* 0: a place without a level */
} Level;

typedef struct {
    PyObject_HEAD
    Level *levels;
    Py_ssize_t count, live, room; /* places; those with a level; memory */
    int sign;
} Ladder;

static PyTypeObject LadderType;

/* Room for `more` levels beside those that are there; -1 and MemoryError. */
static int reserve(Ladder *ladder, Py_ssize_t more)
{
    Py_ssize_t needed = ladder->count + more;
    if (needed <= ladder->room) {
        return 0;
    }
    Py_ssize_t room = needed + needed / 8 + 8;
    Level *levels = PyMem_Realloc(ladder->levels, (size_t)room * sizeof(Level));
    if (levels == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    ladder->levels = levels;
    ladder->room = room;
    return 0;
}

/* Nearly all changes are among so many places at the top. */
#define NEAR 128

/* The first place whose key is not below `key`. Nothing branches on a comparison but the first: which way the search
 * turns cannot be foretold, and a wrong guess of the processor costs more than a step. */
static Py_ssize_t seek(const Ladder *ladder, int64_t key)
{
    const Level *low = ladder->levels;
    Py_ssize_t count = ladder->count;
    if (count == 0) {
        return 0;
    }
    if (count > NEAR && low[count - NEAR].key < key) {
        low += count - NEAR;
        count = NEAR;
    }
    while (count >= 4) {
        Py_ssize_t part = count / 4;
        low += part * ((low[part - 1].key < key) + (low[2 * part - 1].key < key) + (low[3 * part - 1].key < key));
        count -= 3 * part;
    }
    Py_ssize_t below = 0;
    for (Py_ssize_t n = 0; n < count; n++) {
        below += low[n].key < key;
    }
    return low - ladder->levels + below;
}

/* Places kept beyond twice the levels. */
#define SPARE 256

/* Give up the places without a level. */
static void sweep(Ladder *ladder)
{
    Py_ssize_t kept = 0;
    for (Py_ssize_t n = 0; n < ladder->count; n++) {
        if (ladder->levels[n].size) {
            ladder->levels[kept++] = ladder->levels[n];
        }
    }
    ladder->count = kept;
}

/* Give up those at the top, so that the best level is the last place again. */
static void settle_top(Ladder *ladder)
{
    while (ladder->count && ladder->levels[ladder->count - 1].size == 0) {
        ladder->count--;
    }
}

/* A level where there is no place for its price: in the place beside it, if that is free, or in a new one. */
static void insert(Ladder *ladder, Py_ssize_t at, Level level)
{
    Level *levels = ladder->levels;
    ladder->live++;
    if (at < ladder->count && levels[at].size == 0) {
        levels[at] = level;
    } else if (at > 0 && levels[at - 1].size == 0) {
        levels[at - 1] = level;
    } else {
        memmove(levels + at + 1, levels + at, (size_t)(ladder->count - at) * sizeof(Level));
        levels[at] = level;
        ladder->count++;
        if (ladder->count > 2 * ladder->live + SPARE) {
            sweep(ladder);
        }
    }
}

/* `size` stands at `price` from now on. There must be room for one more level. */
static void put(Ladder *ladder, int64_t price, int64_t size)
{
    int64_t key = price * ladder->sign;
    Py_ssize_t at = seek(ladder, key);
    Level *level = ladder->levels + at;
    if (at < ladder->count && level->key == key) {
        ladder->live += (size != 0) - (level->size != 0);
        level->size = size;
        settle_top(ladder);
    } else if (size) {
        insert(ladder, at, (Level){key, size});
    }
}

static void cut_thru(Ladder *ladder, int64_t price)
{
    int64_t key = price * ladder->sign;
    Py_ssize_t kept = price ? seek(ladder, key) : 0;
    kept += price && kept < ladder->count && ladder->levels[kept].key == key;
    for (Py_ssize_t n = kept; n < ladder->count; n++) {
        ladder->live -= ladder->levels[n].size != 0;
    }
    ladder->count = kept;
    settle_top(ladder);
}

static void cut_to(Ladder *ladder, Py_ssize_t depth)
{
    if (ladder->live > depth) {
        sweep(ladder);
        memmove(ladder->levels, ladder->levels + ladder->count - depth, (size_t)depth * sizeof(Level));
        ladder->count = ladder->live = depth;
    }
}

/* Apply the scratch rows. -1 and MemoryError, and nothing has changed then. */
static int apply_scratch(Ladder *bids, Ladder *asks)
{
    if (reserve(bids, scratch.count) < 0 || reserve(asks, scratch.count) < 0) {
        return -1;
    }
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        const Row *row = scratch.rows + n;
        switch (row->action) {
        case SET_BID: put(bids, row->price, row->size); break;
        case SET_ASK: put(asks, row->price, row->size); break;
        case THRU_BID: cut_thru(bids, row->price); break;
        default: cut_thru(asks, row->price); break;
        }
    }
    return 0;
}

static int by_price(const void *one, const void *other)
{
    const Row *a = one, *b = other;
    if (a->action != b->action) {
        return a->action < b->action ? -1 : 1;
    }
    if (a->price != b->price) {
        return a->price < b->price ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Sort the scratch rows, which only set, by side and price; of several at one price the last stays. */
static void tidy_scratch(void)
{
    Row *rows = scratch.rows;
    qsort(rows, (size_t)scratch.count, sizeof(Row), by_price);
    Py_ssize_t kept = 0;
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        if (kept && rows[kept - 1].action == rows[n].action && rows[kept - 1].price == rows[n].price) {
            kept--;
        }
        rows[kept++] = rows[n];
    }
    scratch.count = kept;
}

/* The levels of one side out of the scratch rows, sorted: they may run either way. NULL when memory is out; -1 in
 * `count` when they are in no order. */
static Level *gather(int action, int sign, Py_ssize_t *count)
{
    Py_ssize_t levels_in_all = 0;
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        levels_in_all += scratch.rows[n].action == action && scratch.rows[n].size;
    }
    Level *levels = PyMem_Malloc((size_t)(levels_in_all + levels_in_all / 8 + 8) * sizeof(Level));
    if (levels == NULL) {
        return NULL;
    }
    *count = levels_in_all;
    int64_t before = 0;
    int way = 0;
    Py_ssize_t at = 0;
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        const Row *row = scratch.rows + n;
        if (row->action != action) {
            continue;
        }
        int64_t key = row->price * sign;
        if (at) {
            int this_way = key > before ? 1 : key < before ? -1 : 0;
            if (this_way == 0 || (way && this_way != way)) {
                *count = -1;
                return levels;
            }
            way = this_way;
        }
        before = key;
        if (row->size) {
            levels[at++] = (Level){key, row->size};
        }
    }
    if (way < 0) {
        for (Py_ssize_t low = 0, high = at - 1; low < high; low++, high--) {
            Level level = levels[low];
            levels[low] = levels[high];
            levels[high] = level;
        }
    }
    return levels;
}

/* Both sides anew from the scratch rows, which only set. -1 and MemoryError, and nothing has changed then. Either
 * ladder may be NULL: that side stays. */
static int load_scratch(Ladder *bids, Ladder *asks)
{
    Ladder *ladders[2] = {bids, asks};
    Level *fresh[2] = {NULL, NULL};
    Py_ssize_t counts[2] = {0, 0};
    int tidied = 0;
    for (int side = 0; side < 2; side++) {
        if (ladders[side] == NULL) {
            continue;
        }
        fresh[side] = gather(side == 0 ? SET_BID : SET_ASK, ladders[side]->sign, &counts[side]);
        if (fresh[side] != NULL && counts[side] < 0 && !tidied) {
            tidied = 1;
            tidy_scratch();
            PyMem_Free(fresh[side]);
            fresh[side] = gather(side == 0 ? SET_BID : SET_ASK, ladders[side]->sign, &counts[side]);
        }
        if (fresh[side] == NULL) {
            PyMem_Free(fresh[0]);
            PyErr_NoMemory();
            return -1;
        }
    }
    for (int side = 0; side < 2; side++) {
        Ladder *ladder = ladders[side];
        if (ladder != NULL) {
            PyMem_Free(ladder->levels);
            ladder->levels = fresh[side];
            ladder->count = ladder->live = counts[side];
            ladder->room = counts[side] + counts[side] / 8 + 8;
        }
    }
    return 0;
}

/* ----------------------------------------------------------------------------------- ladder, the Python surface -- */

static PyObject *refused_row(PyObject *price, PyObject *size)
{
    return PyErr_Format(BookError, "a negative price or size: %S, %S", price, size);
}

/* An integer that is not negative: 1; negative: 0; -1 and TypeError or OverflowError. Only of integers, so that no
 * Python code runs on the way: it might use the scratch array itself. */
static int natural(PyObject *number, int64_t *value)
{
    int overflow;
    if (!PyLong_Check(number)) {
        PyErr_Format(PyExc_TypeError, "an integer is needed, not %.100s", Py_TYPE(number)->tp_name);
        return -1;
    }
    long long result = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (result == -1 && !overflow && PyErr_Occurred()) {
        return -1;
    }
    if (overflow > 0) {
        PyErr_SetString(PyExc_OverflowError, "a price or size beyond 63 bits");
        return -1;
    }
    *value = result;
    return overflow == 0 && result >= 0;
}

static int both_natural(PyObject *price, PyObject *size, int64_t *price_value, int64_t *size_value)
{
    int one = natural(price, price_value);
    /* A negative price is refused whatever stands beside it. */
    if (one <= 0) {
        return one;
    }
    return natural(size, size_value);
}

static PyObject *Ladder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sign", NULL};
    int sign;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:Ladder", names, &sign)) {
        return NULL;
    }
    if (sign != 1 && sign != -1) {
        PyErr_SetString(PyExc_ValueError, "sign is 1 or -1");
        return NULL;
    }
    Ladder *self = (Ladder *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->sign = sign;
    }
    return (PyObject *)self;
}

static void Ladder_dealloc(Ladder *self)
{
    PyMem_Free(self->levels);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Ladder_best(Ladder *self, void *Py_UNUSED(closure))
{
    if (self->count == 0) {
        Py_RETURN_NONE;
    }
    return PyLong_FromLongLong(self->levels[self->count - 1].key * self->sign);
}

static Py_ssize_t Ladder_length(Ladder *self)
{
    return self->live;
}

static PyObject *Ladder_set(Ladder *self, PyObject *const *args, Py_ssize_t count)
{
    int64_t price, size;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "set(price, size)");
        return NULL;
    }
    int fine = both_natural(args[0], args[1], &price, &size);
    if (fine == 0) {
        return refused_row(args[0], args[1]);
    }
    if (fine < 0 || reserve(self, 1) < 0) {
        return NULL;
    }
    put(self, price, size);
    Py_RETURN_NONE;
}

static PyObject *Ladder_delete_thru(Ladder *self, PyObject *price)
{
    int64_t value;
    int fine = natural(price, &value);
    if (fine == 0) {
        return PyErr_Format(BookError, "a negative price: %S", price);
    }
    if (fine < 0) {
        return NULL;
    }
    cut_thru(self, value);
    Py_RETURN_NONE;
}

static PyObject *Ladder_load(Ladder *self, PyObject *levels)
{
    PyObject *dict = PyDict_New(), *price, *size, *result = NULL;
    Py_ssize_t at = 0;
    if (dict == NULL || PyDict_Update(dict, levels) < 0) {
        Py_XDECREF(dict);
        return NULL;
    }
    scratch.count = 0;
    while (PyDict_Next(dict, &at, &price, &size)) {
        int64_t price_value, size_value;
        int fine = both_natural(price, size, &price_value, &size_value);
        if (fine == 0) {
            refused_row(price, size);
        }
        if (fine <= 0) {
            goto done;
        }
        if (add_row(SET_BID, price_value, size_value) < 0) {
            PyErr_NoMemory();
            goto done;
        }
    }
    if (load_scratch(self, NULL) == 0) {
        result = Py_NewRef(Py_None);
    }
done:
    shrink_scratch();
    Py_DECREF(dict);
    return result;
}

static PyObject *Ladder_trim(Ladder *self, PyObject *depth)
{
    Py_ssize_t kept = PyNumber_AsSsize_t(depth, NULL);
    if (kept == -1 && PyErr_Occurred()) {
        return NULL;
    }
    cut_to(self, kept < 0 ? 0 : kept);
    Py_RETURN_NONE;
}

static PyObject *Ladder_size(Ladder *self, PyObject *price)
{
    int64_t value;
    int fine = natural(price, &value);
    if (fine < 0) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
            return NULL;
        }
        PyErr_Clear();
    }
    if (fine > 0) {
        int64_t key = value * self->sign;
        Py_ssize_t at = seek(self, key);
        if (at < self->count && self->levels[at].key == key) {
            return PyLong_FromLongLong(self->levels[at].size);
        }
    }
    return PyLong_FromLong(0);
}

static PyObject *Ladder_top(Ladder *self, PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t count = self->live;
    if (given > 1) {
        PyErr_SetString(PyExc_TypeError, "top(n=None)");
        return NULL;
    }
    if (given == 1 && args[0] != Py_None) {
        Py_ssize_t asked = PyNumber_AsSsize_t(args[0], NULL);
        if (asked == -1 && PyErr_Occurred()) {
            return NULL;
        }
        if (asked < 0) {
            PyErr_SetString(PyExc_ValueError, "n is not negative");
            return NULL;
        }
        count = asked < count ? asked : count;
    }
    PyObject *result = PyList_New(count);
    if (result == NULL) {
        return NULL;
    }
    Py_ssize_t place = self->count;
    for (Py_ssize_t n = 0; n < count; n++) {
        Level level;
        do {
            level = self->levels[--place];
        } while (level.size == 0);
        PyObject *pair = Py_BuildValue("(LL)", (long long)(level.key * self->sign), (long long)level.size);
        if (pair == NULL) {
            Py_DECREF(result);
            return NULL;
        }
        PyList_SET_ITEM(result, n, pair);
    }
    return result;
}

static PyObject *Ladder_sizeof(Ladder *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t((Py_ssize_t)sizeof(Ladder) + self->room * (Py_ssize_t)sizeof(Level));
}

/* One Python row to the scratch array: 1; one that is refused, with its BookError set: 0; any other error: -1. */
static int take_row(PyObject *item)
{
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3 || !PyLong_Check(PyTuple_GET_ITEM(item, 0))) {
        PyErr_SetString(PyExc_TypeError, "a row is (what, price, size)");
        return -1;
    }
    PyObject *what = PyTuple_GET_ITEM(item, 0), *price = PyTuple_GET_ITEM(item, 1), *size = PyTuple_GET_ITEM(item, 2);
    int overflow;
    long action = PyLong_AsLongAndOverflow(what, &overflow);
    if (overflow || action < SET_BID || action > THRU_ASK) {
        PyErr_Format(BookError, "unknown action %S", what);
        return 0;
    }
    int64_t price_value, size_value = 0;
    int thru = action >= THRU_BID;
    int fine = thru ? natural(price, &price_value) : both_natural(price, size, &price_value, &size_value);
    if (fine == 0) {
        thru ? PyErr_Format(BookError, "a negative price: %S", price) : refused_row(price, size);
    } else if (fine > 0 && add_row((int)action, price_value, size_value) < 0) {
        PyErr_NoMemory();
        fine = -1;
    }
    return fine;
}

/* Both ladders out of the first two arguments; 0 and TypeError when they are not that. */
static int two_ladders(PyObject *const *args, Ladder **bids, Ladder **asks)
{
    if (!Py_IS_TYPE(args[0], &LadderType) || !Py_IS_TYPE(args[1], &LadderType)) {
        PyErr_SetString(PyExc_TypeError, "two native ladders are needed");
        return 0;
    }
    *bids = (Ladder *)args[0];
    *asks = (Ladder *)args[1];
    return 1;
}

/* apply(bids, asks, rows). The rows are listed first: they may come out of Python code that uses books itself. */
static PyObject *Ladder_apply(PyObject *Py_UNUSED(none), PyObject *const *args, Py_ssize_t count)
{
    Ladder *bids, *asks;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "apply(bids, asks, rows)");
        return NULL;
    }
    if (!two_ladders(args, &bids, &asks)) {
        return NULL;
    }
    PyObject *rows = PySequence_Fast(args[2], "rows are iterable");
    if (rows == NULL) {
        return NULL;
    }
    int fine = 1;
    scratch.count = 0;
    for (Py_ssize_t n = 0; n < PySequence_Fast_GET_SIZE(rows) && fine > 0; n++) {
        fine = take_row(PySequence_Fast_GET_ITEM(rows, n));
    }
    /* The rows before a refused one are applied, as the pure twin has done by then; before any other error, none. */
    if (fine >= 0 && apply_scratch(bids, asks) < 0) {
        fine = -1;
    }
    shrink_scratch();
    Py_DECREF(rows);
    if (fine <= 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* --------------------------------------------------------------------------------------------------- decimals -- */

/* What an integer stands for in a scale, as `from_scaled` of model/terms.py has it. */
static PyObject *exact(PyObject *number, int scale)
{
    if (scale < 0 || scale >= SCALES) {
        return PyObject_CallFunction(from_scaled, "Oi", number, scale);
    }
    PyObject *arguments[2] = {number, units[scale]};
    return PyObject_Vectorcall(multiply, arguments, 2, NULL);
}

static PyObject *exact_size(int64_t size, int scale)
{
    PyObject *number = PyLong_FromLongLong(size), *found = number == NULL ? NULL : exact(number, scale);
    Py_XDECREF(number);
    return found;
}

/* Prices near the top come again and again. Each has one place here, and keeps it until another needs it. */
#define PRICES_KEPT 1024
static struct {
    int64_t price;
    int scale;
    PyObject *exact; /* NULL: none yet */
} prices[PRICES_KEPT];

static PyObject *exact_price(int64_t price, int scale)
{
    size_t place = (size_t)((uint64_t)price * 0x9e3779b97f4a7c15u >> 32) % PRICES_KEPT;
    if (prices[place].exact == NULL || prices[place].price != price || prices[place].scale != scale) {
        PyObject *found = exact_size(price, scale);
        if (found == NULL) {
            return NULL;
        }
        Py_XSETREF(prices[place].exact, found);
        prices[place].price = price;
        prices[place].scale = scale;
    }
    return Py_NewRef(prices[place].exact);
}

/* ----------------------------------------------------------------------------------------------------- reader -- */

enum { ROWS, OBJECT_OF_SIDES, ARRAY_OF_SIDES };              /* what the body is */
enum { PRICE, SIZE, SIDE, OP };                              /* what a field of a row is for */
enum { TEXT, NUMBER, WHOLE, WORD };                          /* how it is written */
enum { MEANS_SET, MEANS_DELETE, MEANS_THRU };                /* what the word of an OP means; of a SIDE: 0 bid, 1 ask */

#define MOST_FIELDS 4
#define MOST_WORDS 8
#define LONGEST 32
#define DEEPEST 16

typedef struct {
    char text[LONGEST + 2]; /* with its quotes, as it stands in a body */
    int length;
    uint64_t head, mask; /* its first eight bytes, and which of them it has */
} Quoted;

typedef struct {
    Quoted key; /* empty in rows that are arrays */
    int role, form;
    int64_t lot; /* WHOLE: what one is, in units; 0: it is in the instrument's scale already */
} Field;

typedef struct {
    PyObject_HEAD
    int body, rows_are_arrays, field_count, word_count;
    Quoted sides[2];
    Field fields[MOST_FIELDS];
    Quoted words[MOST_WORDS];
    int meanings[MOST_WORDS];
} Reader;

static PyTypeObject ReaderType;

/* The text between the values of a row, with the members that are passed over. Rows of one message mostly share it. */
typedef struct {
    const char *text;
    Py_ssize_t length;
    int field; /* whose value follows */
} Stretch;

/* A body being read. Bytes objects end with a NUL, which no rule below accepts: looking at `*at` is always allowed
 * while at <= end, and no rule moves past a NUL. Anything longer than one byte is compared with `end` first. */
typedef struct {
    const char *at, *end;
    const Reader *reader;
    int64_t lots[MOST_FIELDS];
    int scales[2]; /* of PRICE and SIZE */
    Stretch stretches[MOST_FIELDS + 1]; /* of the last row that was read member by member */
    int spelt;                          /* so many of them */
    int no_memory;
} Cursor;

static const int64_t TENS[19] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
    1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
    1000000000000000000};

/* A digit can be added to anything below this. */
#define ROOM_FOR_A_DIGIT ((INT64_MAX - 9) / 10)

static inline int is_digit(char byte)
{
    return (unsigned char)(byte - '0') < 10;
}

#define ONES 0x0101010101010101u
#define TOPS 0x8080808080808080u

/* The first in the lowest place, on any machine. */
static inline uint64_t eight_bytes(const char *at)
{
    uint64_t eight;
    memcpy(&eight, at, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    eight = __builtin_bswap64(eight);
#endif
    return eight;
}

static inline void skip_blanks(Cursor *cursor)
{
    while (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t') {
        cursor->at++;
    }
}

static inline int take(Cursor *cursor, char byte)
{
    if (*cursor->at != byte) {
        skip_blanks(cursor);
        if (*cursor->at != byte) {
            return 0;
        }
    }
    cursor->at++;
    return 1;
}

static inline int is_quoted(const char *at, const char *end, const Quoted *quoted)
{
    if (end - at >= 8 && (eight_bytes(at) & quoted->mask) != quoted->head) {
        return 0;
    }
    return end - at >= quoted->length && memcmp(at, quoted->text, (size_t)quoted->length) == 0;
}

static inline int take_quoted(Cursor *cursor, const Quoted *quoted)
{
    if (!is_quoted(cursor->at, cursor->end, quoted)) {
        return 0;
    }
    cursor->at += quoted->length;
    return 1;
}

/* Past a string of plain ASCII; escapes and everything beyond are for the Python reader. */
static int skip_text(Cursor *cursor)
{
    if (*cursor->at != '"') {
        return 0;
    }
    const char *at = cursor->at + 1;
    while (cursor->end - at >= 8) { /* eight at a time while none is a quote, a backslash, a control or above ASCII */
        uint64_t eight = eight_bytes(at);
        uint64_t quotes = eight ^ (ONES * '"'), escapes = eight ^ (ONES * '\\');
        uint64_t found = ((quotes - ONES) & ~quotes) | ((escapes - ONES) & ~escapes) | (eight - ONES * 0x20) | eight;
        if (found & TOPS) {
            break;
        }
        at += 8;
    }
    while ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    if (*at != '"') {
        return 0;
    }
    cursor->at = at + 1;
    return 1;
}

/* Past any JSON number. */
static int skip_number(Cursor *cursor)
{
    const char *at = cursor->at;
    at += *at == '-';
    if (*at == '0') {
        at++;
    } else if (is_digit(*at)) {
        while (is_digit(*at)) {
            at++;
        }
    } else {
        return 0;
    }
    if (*at == '.') {
        if (!is_digit(*++at)) {
            return 0;
        }
        while (is_digit(*at)) {
            at++;
        }
    }
    if (*at == 'e' || *at == 'E') {
        return 0; /* whether it is within bounds is for others to say */
    }
    cursor->at = at;
    return 1;
}

static int skip_word(Cursor *cursor, const char *word, int length)
{
    if (cursor->end - cursor->at < length || memcmp(cursor->at, word, (size_t)length) != 0) {
        return 0;
    }
    cursor->at += length;
    return 1;
}

/* Past any value, within reason. */
static int skip_value(Cursor *cursor, int depth)
{
    skip_blanks(cursor);
    switch (*cursor->at) {
    case '"': return skip_text(cursor);
    case 't': return skip_word(cursor, "true", 4);
    case 'f': return skip_word(cursor, "false", 5);
    case 'n': return skip_word(cursor, "null", 4);
    case '[':
    case '{': break;
    default: return skip_number(cursor);
    }
    int object = *cursor->at++ == '{';
    char close = object ? '}' : ']';
    if (depth == DEEPEST) {
        return 0;
    }
    if (take(cursor, close)) {
        return 1;
    }
    for (;;) {
        if (object) {
            skip_blanks(cursor);
            if (!skip_text(cursor) || !take(cursor, ':')) {
                return 0;
            }
        }
        if (!skip_value(cursor, depth + 1)) {
            return 0;
        }
        if (take(cursor, close)) {
            return 1;
        }
        if (!take(cursor, ',')) {
            return 0;
        }
    }
}

/* Past a whole number without sign, exponent or needless zeros; NULL, where there is none that fits. */
static const char *past_whole(const char *at, int64_t *value)
{
    if (!is_digit(*at) || (*at == '0' && is_digit(at[1]))) {
        return NULL;
    }
    int64_t number = 0;
    while (is_digit(*at)) {
        if (number >= ROOM_FOR_A_DIGIT) {
            return NULL;
        }
        number = number * 10 + (*at++ - '0');
    }
    *value = number;
    return at;
}

/* Past a plain decimal number, to an integer in `scale`; digits beyond the scale must be zeros. */
static const char *past_decimal(const char *at, int scale, int64_t *value)
{
    int64_t number;
    at = past_whole(at, &number);
    if (at == NULL) {
        return NULL;
    }
    int missing = scale;
    if (*at == '.') {
        if (!is_digit(*++at)) {
            return NULL;
        }
        while (missing && is_digit(*at)) {
            if (number >= ROOM_FOR_A_DIGIT) {
                return NULL;
            }
            number = number * 10 + (*at++ - '0');
            missing--;
        }
        while (*at == '0') {
            at++;
        }
        if (is_digit(*at)) {
            return NULL;
        }
    }
    if (missing && number) {
        if (missing > 18 || number > INT64_MAX / TENS[missing]) {
            return NULL;
        }
        number *= TENS[missing];
    }
    *value = number;
    return at;
}

/* Which of eight bytes, `0` taken from each, are no digits, as their highest bits; right up to the first. */
static inline uint64_t no_digits(uint64_t eight)
{
    return (eight | (eight + ONES * 0x76)) & TOPS;
}

/* Which of eight bytes cannot stand in a decimal number (`/` may, here), likewise. */
static inline uint64_t no_decimals(uint64_t eight)
{
    return (eight | ~(eight + ONES * (0x80 - '.')) | (eight + ONES * (0x7f - '9'))) & TOPS;
}

/* The highest bits of eight bytes, side by side. */
static inline unsigned gathered(uint64_t tops)
{
    return (unsigned)((tops >> 7) * 0x0102040810204080u >> 56);
}

/* What the first `count` of eight digits, 0 to 9 each, stand for; nothing for none. */
static inline int64_t value_of(uint64_t eight, int count)
{
    eight = (eight << ((64 - 8 * count) & 63)) & -(uint64_t)(count > 0);
    eight = (eight * 10 + (eight >> 8)) & 0x00ff00ff00ff00ffu;
    eight = (eight * 100 + (eight >> 16)) & 0x0000ffff0000ffffu;
    return (int64_t)((eight * 10000 + (eight >> 32)) & 0xffffffffu);
}

/* The quick ways of `past_whole` and `past_decimal`, for nearly all numbers there are; NULL for any other. Nothing
 * branches on how many digits there are, which cannot be foretold, and where the number ends is found before what it is
 * worth: the rest of the row does not wait for that. */

/* Up to fifteen digits. */
static inline const char *past_short_whole(const char *at, const char *end, int64_t *value)
{
    if (end - at < 16) {
        return NULL;
    }
    uint64_t head = eight_bytes(at) ^ (ONES * '0'), tail = eight_bytes(at + 8) ^ (ONES * '0');
    unsigned ends = gathered(no_digits(head)) | gathered(no_digits(tail)) << 8;
    if (ends == 0) {
        return NULL;
    }
    int length = __builtin_ctz(ends), more = length > 8 ? length - 8 : 0;
    if (length == 0 || (*at == '0' && length > 1)) {
        return NULL;
    }
    *value = value_of(head, length - more) * TENS[more] + value_of(tail, more);
    return at + length;
}

/* Up to seven digits before the point and eight after it. */
static inline const char *past_short_decimal(const char *at, const char *end, int scale, int64_t *value)
{
    if (end - at < 17 || scale > 11) { /* 18 digits always fit */
        return NULL;
    }
    uint64_t head = eight_bytes(at) ^ (ONES * '0'), others = no_digits(head);
    unsigned ends = gathered(no_decimals(eight_bytes(at))) | gathered(no_decimals(eight_bytes(at + 8))) << 8;
    if (others == 0 || ends == 0) {
        return NULL;
    }
    int length = __builtin_ctz(ends), whole = __builtin_ctzll(others) / 8, point = length > whole;
    int decimals = length - whole - point;
    if (whole == 0 || (*at == '0' && whole > 1) || (point && (at[whole] != '.' || decimals == 0)) || decimals > 8 ||
        decimals > scale) {
        return NULL;
    }
    uint64_t tail = eight_bytes(at + whole + point) ^ (ONES * '0');
    if (decimals > 0 && no_digits(tail) << (64 - 8 * decimals)) {
        return NULL;
    }
    *value = value_of(head, whole) * TENS[scale] + value_of(tail, decimals) * TENS[scale - decimals];
    return at + length;
}

static const char *past_word(const Cursor *cursor, const char *at, int64_t *value)
{
    const Reader *reader = cursor->reader;
    for (int n = 0; n < reader->word_count; n++) {
        if (is_quoted(at, cursor->end, &reader->words[n])) {
            *value = reader->meanings[n];
            return at + reader->words[n].length;
        }
    }
    return NULL;
}

/* Past the value of a field, for a text from quote to quote; NULL, where there is none. Numbers come out in the
 * instrument's scale. Where one goes on (an exponent, a second point), whoever takes what follows refuses it. */
static inline const char *past_value(const Cursor *cursor, int n, const char *at, int64_t *values)
{
    const Field *field = &cursor->reader->fields[n];
    int64_t *value = &values[field->role];
    if (field->form == WORD) {
        return past_word(cursor, at, value);
    }
    if (field->form != WHOLE) {
        const int scale = cursor->scales[field->role];
        const char *after = past_short_decimal(at, cursor->end, scale, value);
        return after != NULL ? after : past_decimal(at, scale, value);
    }
    const char *after = past_short_whole(at, cursor->end, value);
    if (after == NULL) {
        after = past_whole(at, value);
    }
    if (after != NULL && cursor->lots[n] != 1) {
        if (*value > INT64_MAX / cursor->lots[n]) {
            return NULL;
        }
        *value *= cursor->lots[n];
    }
    return after;
}

/* The value of a field, to its place in `values`, which are by role. */
static inline int take_field(Cursor *cursor, int n, int64_t *values)
{
    const int quotes = cursor->reader->fields[n].form == TEXT;
    if (quotes && !take(cursor, '"')) {
        return 0;
    }
    const char *after = past_value(cursor, n, cursor->at, values);
    if (after == NULL || (quotes && *after != '"')) {
        return 0;
    }
    cursor->at = after + quotes;
    return 1;
}

/* A row that is an array: as many places as fields. `values` by role. */
static int take_array(Cursor *cursor, int64_t *values)
{
    const Reader *reader = cursor->reader;
    for (int n = 0; n < reader->field_count; n++) {
        if (!take(cursor, n ? ',' : '[')) {
            return 0;
        }
        skip_blanks(cursor);
        if (!take_field(cursor, n, values)) {
            return 0;
        }
    }
    return take(cursor, ']');
}

/* A row that is spelt as the row before was, but for the values of its fields; otherwise nothing has been taken. The
 * same bytes in the same place mean the same, so there is nothing to look at again. */
static int take_alike(Cursor *cursor, int64_t *values)
{
    const char *at = cursor->at;
    for (int n = 0; n < cursor->spelt; n++) {
        const Stretch *stretch = &cursor->stretches[n];
        if (cursor->end - at < stretch->length || memcmp(at, stretch->text, (size_t)stretch->length) != 0) {
            return 0;
        }
        at += stretch->length;
        if (stretch->field < 0) {
            cursor->at = at;
            return 1;
        }
        at = past_value(cursor, stretch->field, at, values);
        if (at == NULL) {
            return 0;
        }
    }
    return 0;
}

/* The text from `start` to `at` stands before the value of a field, or, with -1, after the last. */
static inline void note_stretch(Cursor *cursor, const char *start, const char *at, int field)
{
    cursor->stretches[cursor->spelt++] = (Stretch){start, at - start, field};
}

/* A row that is an object, member by member: each field once, others passed over. */
static int take_object(Cursor *cursor, int64_t *values)
{
    const Reader *reader = cursor->reader;
    const char *start = cursor->at;
    const int count = reader->field_count;
    unsigned seen = 0;
    int next = 0; /* members mostly come in the record's order */
    cursor->spelt = 0;
    if (!take(cursor, '{')) {
        return 0;
    }
    do {
        skip_blanks(cursor);
        int found = -1;
        for (int tried = 0; tried < count; tried++) {
            int n = next + tried < count ? next + tried : next + tried - count;
            if (take_quoted(cursor, &reader->fields[n].key)) {
                found = n;
                break;
            }
        }
        if (found < 0) {
            if (!skip_text(cursor) || !take(cursor, ':') || !skip_value(cursor, 0)) {
                return 0;
            }
            continue;
        }
        if (seen & (1u << found) || !take(cursor, ':')) {
            return 0;
        }
        skip_blanks(cursor);
        const int quotes = reader->fields[found].form == TEXT; /* they belong to the text around the value */
        note_stretch(cursor, start, cursor->at + quotes, found);
        if (!take_field(cursor, found, values)) {
            return 0;
        }
        start = cursor->at - quotes;
        seen |= 1u << found;
        next = found + 1 < count ? found + 1 : 0;
    } while (take(cursor, ','));
    if (!take(cursor, '}') || seen != (1u << count) - 1) {
        return 0;
    }
    note_stretch(cursor, start, cursor->at, -1);
    return 1;
}

/* What a row does, to the scratch array. `values` by role. */
static int note_row(Cursor *cursor, const int64_t *values)
{
    int side = (int)values[SIDE], added;
    int64_t price = values[PRICE];
    if (values[OP] == MEANS_THRU) {
        added = add_row(THRU_BID + side, price, 0);
        if (added == 0 && price) { /* price 0: the side is empty now */
            added = add_row(SET_BID + side, price, values[SIZE]);
        }
    } else if (price == 0) {
        return 0; /* venues differ in whether there may be such a price */
    } else {
        added = add_row(SET_BID + side, price, values[OP] == MEANS_DELETE ? 0 : values[SIZE]);
    }
    cursor->no_memory |= added < 0;
    return added == 0;
}

/* A list of rows; `side` where the rows do not say themselves. */
static int take_rows(Cursor *cursor, int side)
{
    int64_t values[4] = {0, 0, side, MEANS_SET};
    const int arrays = cursor->reader->rows_are_arrays;
    if (!take(cursor, '[')) {
        return 0;
    }
    if (take(cursor, ']')) {
        return 1;
    }
    do {
        int taken = arrays ? take_array(cursor, values) : take_alike(cursor, values) || take_object(cursor, values);
        if (!taken || !note_row(cursor, values)) {
            return 0;
        }
    } while (take(cursor, ','));
    return take(cursor, ']');
}

static int take_sides(Cursor *cursor)
{
    unsigned seen = 0;
    if (!take(cursor, '{')) {
        return 0;
    }
    do {
        skip_blanks(cursor);
        int side = take_quoted(cursor, &cursor->reader->sides[0])   ? 0
                   : take_quoted(cursor, &cursor->reader->sides[1]) ? 1
                                                                    : -1;
        if (side < 0) {
            if (!skip_text(cursor) || !take(cursor, ':') || !skip_value(cursor, 0)) {
                return 0;
            }
        } else if (seen & (1u << side) || !take(cursor, ':') || !take_rows(cursor, side)) {
            return 0;
        } else {
            seen |= 1u << side;
        }
    } while (take(cursor, ','));
    return take(cursor, '}') && seen == 3;
}

static int take_body(Cursor *cursor)
{
    int fine;
    switch (cursor->reader->body) {
    case ROWS: fine = take_rows(cursor, 0); break;
    case OBJECT_OF_SIDES: fine = take_sides(cursor); break;
    default:
        fine = take(cursor, '[') && take_rows(cursor, 0) && take(cursor, ',') && take_rows(cursor, 1) &&
               take(cursor, ']');
    }
    skip_blanks(cursor);
    return fine && cursor->at == cursor->end;
}

/* Scales and lots of one call; 0 when they do not fit. */
static int set_scales(Cursor *cursor, int price_scale, int size_scale)
{
    const Reader *reader = cursor->reader;
    cursor->scales[PRICE] = price_scale;
    cursor->scales[SIZE] = size_scale;
    for (int n = 0; n < reader->field_count; n++) {
        const Field *field = &reader->fields[n];
        cursor->lots[n] = 1;
        if (field->form == WHOLE && field->lot) {
            int64_t one = TENS[cursor->scales[field->role]];
            if (field->lot > INT64_MAX / one) {
                return 0;
            }
            cursor->lots[n] = field->lot * one;
        }
    }
    return 1;
}

static int only_sets(void)
{
    for (Py_ssize_t n = 0; n < scratch.count; n++) {
        if (scratch.rows[n].action >= THRU_BID) {
            return 0;
        }
    }
    return 1;
}

/* A body from `at` up to `end` to the scratch array: 1; not certain: 0; -1 and MemoryError. What stands at `end` may be
 * looked at, and a NUL follows somewhere. */
static int read_body(const Reader *reader, const char *at, const char *end, int price_scale, int size_scale)
{
    Cursor cursor = {.at = at, .end = end, .reader = reader};
    scratch.count = 0;
    int fine = set_scales(&cursor, price_scale, size_scale) && take_body(&cursor);
    if (cursor.no_memory) {
        PyErr_NoMemory();
        return -1;
    }
    return fine;
}

/* None: -1. -2 and an error for what is no number. */
static Py_ssize_t depth_of(PyObject *depth)
{
    if (depth == Py_None) {
        return -1;
    }
    Py_ssize_t kept = PyNumber_AsSsize_t(depth, NULL);
    return kept == -1 && PyErr_Occurred() ? -2 : kept;
}

/* `read_body` of Python's (body, price_scale, size_scale), with what the scales are. */
static int read_given(const Reader *reader, PyObject *const *args, int *price_scale, int *size_scale)
{
    long prices_in = PyLong_AsLong(args[1]), sizes_in = PyLong_AsLong(args[2]);
    if ((prices_in == -1 || sizes_in == -1) && PyErr_Occurred()) {
        return -1;
    }
    if (!PyBytes_CheckExact(args[0]) || prices_in < 0 || prices_in > 18 || sizes_in < 0 || sizes_in > 18) {
        return 0;
    }
    *price_scale = (int)prices_in;
    *size_scale = (int)sizes_in;
    const char *body = PyBytes_AS_STRING(args[0]);
    return read_body(reader, body, body + PyBytes_GET_SIZE(args[0]), *price_scale, *size_scale);
}

/* read(bids, asks, body, price_scale, size_scale, depth, replace) */
static PyObject *Reader_read(Reader *self, PyObject *const *args, Py_ssize_t count)
{
    Ladder *bids, *asks;
    if (count != 7) {
        PyErr_SetString(PyExc_TypeError, "read(bids, asks, body, price_scale, size_scale, depth, replace)");
        return NULL;
    }
    if (!two_ladders(args, &bids, &asks)) {
        return NULL;
    }
    Py_ssize_t depth = depth_of(args[5]);
    if (depth == -2) {
        return NULL;
    }
    int price_scale, size_scale;
    int fine = read_given(self, args + 2, &price_scale, &size_scale);
    int failed = fine < 0;
    if (fine > 0 && args[6] == Py_True) {
        fine = only_sets();
        failed = fine && load_scratch(bids, asks) < 0;
    } else if (fine > 0) {
        failed = apply_scratch(bids, asks) < 0;
    }
    shrink_scratch();
    if (failed) {
        return NULL;
    }
    if (fine && depth >= 0) {
        cut_to(bids, depth);
        cut_to(asks, depth);
    }
    return PyBool_FromLong(fine);
}

/* A row for Python: (what, price, size). */
static PyObject *row_of(const Row *row, int Py_UNUSED(price_scale), int Py_UNUSED(size_scale))
{
    PyObject *made = PyTuple_New(3);
    if (made != NULL) {
        PyTuple_SET_ITEM(made, 0, PyLong_FromLong(row->action));
        PyTuple_SET_ITEM(made, 1, PyLong_FromLongLong(row->price));
        PyTuple_SET_ITEM(made, 2, PyLong_FromLongLong(row->size));
        if (!PyTuple_GET_ITEM(made, 0) || !PyTuple_GET_ITEM(made, 1) || !PyTuple_GET_ITEM(made, 2)) {
            Py_CLEAR(made);
        }
    }
    return made;
}

/* The same for people: a LevelChange. */
static PyObject *change_of(const Row *row, int price_scale, int size_scale)
{
    PyObject *values[3] = {PyLong_FromLong(row->action), NULL, NULL}, *made = NULL;
    if (values[0] != NULL && (values[1] = exact_price(row->price, price_scale)) != NULL &&
        (values[2] = exact_size(row->size, size_scale)) != NULL) {
        made = PyObject_Vectorcall(type_of_change, values, 3, NULL);
    }
    for (int n = 0; n < 3; n++) {
        Py_XDECREF(values[n]);
    }
    return made;
}

/* A tuple of what is made of each row of a body, given as Python's (body, price_scale, size_scale); None, when it is
 * not certain. Making objects may set the garbage collector going, and so any Python code: the rows are out of the
 * scratch array meanwhile. */
static PyObject *opened(const Reader *self, PyObject *const *args, PyObject *(*make)(const Row *, int, int))
{
    int price_scale, size_scale;
    int fine = read_given(self, args, &price_scale, &size_scale);
    if (fine <= 0) {
        shrink_scratch();
        return fine < 0 ? NULL : Py_NewRef(Py_None);
    }
    Row *rows = scratch.rows;
    const Py_ssize_t count = scratch.count, room = scratch.room;
    scratch.rows = NULL;
    scratch.count = scratch.room = 0;
    PyObject *made = PyTuple_New(count);
    Py_ssize_t place = 0;
    /* Whichever side stands first in the body, the venues' readers tell bids first, unless rows say their side. */
    for (int side = 0; side < (self->body == ROWS ? 1 : 2); side++) {
        for (Py_ssize_t n = 0; n < count && made != NULL; n++) {
            if (self->body != ROWS && rows[n].action % 2 != side) {
                continue;
            }
            PyObject *one = make(rows + n, price_scale, size_scale);
            if (one == NULL) {
                Py_CLEAR(made);
            } else {
                PyTuple_SET_ITEM(made, place++, one);
            }
        }
    }
    if (scratch.rows == NULL && room <= SCRATCH_KEPT) {
        scratch.rows = rows;
        scratch.room = room;
    } else {
        PyMem_Free(rows);
    }
    return made;
}

/* rows(body, price_scale, size_scale) */
static PyObject *Reader_rows(Reader *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "rows(body, price_scale, size_scale)");
        return NULL;
    }
    return opened(self, args, row_of);
}

/* levels(body, price_scale, size_scale) */
static PyObject *Reader_levels(Reader *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "levels(body, price_scale, size_scale)");
        return NULL;
    }
    return opened(self, args, change_of);
}

/* ---------------------------------------------------------------------------------- reader, out of a Shape's plan -- */

/* A word in quotes; 0 and ValueError for what would need escapes or is too long. */
static int quote(PyObject *word, Quoted *quoted)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(word, &length);
    if (text == NULL) {
        return 0;
    }
    int plain = length > 0 && length <= LONGEST;
    for (Py_ssize_t n = 0; plain && n < length; n++) {
        plain = text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\';
    }
    if (!plain) {
        PyErr_Format(PyExc_ValueError, "not a plain word of up to %d letters: %R", LONGEST, word);
        return 0;
    }
    quoted->text[0] = '"';
    memcpy(quoted->text + 1, text, (size_t)length);
    quoted->text[length + 1] = '"';
    quoted->length = (int)length + 2;
    char head[8] = {0}, mask[8] = {0};
    size_t covered = quoted->length < 8 ? (size_t)quoted->length : 8;
    memcpy(head, quoted->text, covered);
    memset(mask, 0xff, covered);
    quoted->head = eight_bytes(head);
    quoted->mask = eight_bytes(mask);
    return 1;
}

static int plan_field(Reader *self, PyObject *item)
{
    Field *field = &self->fields[self->field_count];
    PyObject *key;
    long long lot;
    if (!PyArg_ParseTuple(item, "UiiL", &key, &field->role, &field->form, &lot)) {
        return 0;
    }
    int number = field->role == PRICE || field->role == SIZE, word = field->role == SIDE || field->role == OP;
    if (!(number && field->form >= TEXT && field->form <= WHOLE) && !(word && field->form == WORD)) {
        PyErr_SetString(PyExc_ValueError, "a field's role and form do not go together");
        return 0;
    }
    if (lot < 0) {
        PyErr_SetString(PyExc_ValueError, "a lot is not negative");
        return 0;
    }
    field->lot = lot;
    self->field_count++;
    return self->rows_are_arrays || quote(key, &field->key);
}

static int plan_word(Reader *self, PyObject *item)
{
    PyObject *word;
    int *meaning = &self->meanings[self->word_count];
    if (!PyArg_ParseTuple(item, "Ui", &word, meaning)) {
        return 0;
    }
    if (*meaning < 0 || *meaning > MEANS_THRU) {
        PyErr_SetString(PyExc_ValueError, "a word means nothing");
        return 0;
    }
    return quote(word, &self->words[self->word_count++]);
}

/* Every role at most once, price and size always; the side by the rows or by the body; at most one kind of words. */
static int plan_is_sound(const Reader *self)
{
    int roles[4] = {0, 0, 0, 0};
    for (int n = 0; n < self->field_count; n++) {
        roles[self->fields[n].role]++;
    }
    for (int n = 0; roles[SIDE] && n < self->word_count; n++) {
        if (self->meanings[n] > 1) {
            return 0;
        }
    }
    return roles[PRICE] == 1 && roles[SIZE] == 1 && roles[SIDE] == (self->body == ROWS) && roles[OP] <= 1 &&
           roles[SIDE] + roles[OP] <= 1 && self->body >= ROWS && self->body <= ARRAY_OF_SIDES;
}

/* Reader(body, (bids, asks), rows_are_arrays, ((key, role, form, lot), ...), ((word, meaning), ...)) */
static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    int body, rows_are_arrays;
    PyObject *bids, *asks, *fields, *words;
    if (!PyArg_ParseTuple(args, "i(UU)pO!O!:Reader", &body, &bids, &asks, &rows_are_arrays, &PyTuple_Type, &fields,
                          &PyTuple_Type, &words)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(fields) > MOST_FIELDS || PyTuple_GET_SIZE(words) > MOST_WORDS) {
        PyErr_SetString(PyExc_ValueError, "too many fields or words");
        return NULL;
    }
    Reader *self = (Reader *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->body = body;
    self->rows_are_arrays = rows_are_arrays;
    int fine = body != OBJECT_OF_SIDES || (quote(bids, &self->sides[0]) && quote(asks, &self->sides[1]));
    for (Py_ssize_t n = 0; fine && n < PyTuple_GET_SIZE(fields); n++) {
        fine = plan_field(self, PyTuple_GET_ITEM(fields, n));
    }
    for (Py_ssize_t n = 0; fine && n < PyTuple_GET_SIZE(words); n++) {
        fine = plan_word(self, PyTuple_GET_ITEM(words, n));
    }
    if (fine && !plan_is_sound(self)) {
        PyErr_SetString(PyExc_ValueError, "not a shape of a book");
        fine = 0;
    }
    if (!fine) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void Reader_dealloc(Reader *self)
{
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* ------------------------------------------------------------------------------------------------------- core -- */

/* As in core.py. A subclass in Python adds the rest. */
typedef struct {
    int64_t price, size;
    int price_scale, size_scale;
    PyObject *level; /* NULL: none handed out yet */
} Top;

typedef struct {
    PyObject_HEAD
    PyObject *symbol, *depth, *bids, *asks, *transact_time, *told, *unsound;
    long long last_good, least_lag, updates;
    int price_scale, size_scale;
    char live;
    Top tops[2];
} Core;

static PyTypeObject CoreType;

#define NEVER (-(1LL << 62))

static PyObject *Core_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    Core *self = (Core *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->least_lag = NEVER;
        self->transact_time = PyLong_FromLong(0);
        self->depth = Py_NewRef(Py_None);
        self->told = Py_NewRef(Py_None);
        self->unsound = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

/* The subclass has arguments of its own. */
static int Core_init(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return 0;
}

static int Core_traverse(Core *self, visitproc visit, void *arg)
{
    Py_VISIT(self->symbol);
    Py_VISIT(self->depth);
    Py_VISIT(self->bids);
    Py_VISIT(self->asks);
    Py_VISIT(self->transact_time);
    Py_VISIT(self->told);
    Py_VISIT(self->unsound);
    Py_VISIT(self->tops[0].level);
    Py_VISIT(self->tops[1].level);
    return 0;
}

static int Core_clear(Core *self)
{
    Py_CLEAR(self->symbol);
    Py_CLEAR(self->depth);
    Py_CLEAR(self->bids);
    Py_CLEAR(self->asks);
    Py_CLEAR(self->transact_time);
    Py_CLEAR(self->told);
    Py_CLEAR(self->unsound);
    Py_CLEAR(self->tops[0].level);
    Py_CLEAR(self->tops[1].level);
    return 0;
}

static void Core_dealloc(Core *self)
{
    PyObject_GC_UnTrack(self);
    Core_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *side_of(Core *self, int side)
{
    PyObject *ladder = side == 0 ? self->bids : self->asks;
    if (ladder == NULL) {
        PyErr_SetString(PyExc_AttributeError, "the book has no ladders yet");
    }
    return ladder;
}

/* `side` is 0 or 1, in the closure. */
static PyObject *Core_best_price(Core *self, void *side)
{
    PyObject *ladder = side_of(self, side != NULL);
    return ladder == NULL ? NULL : PyObject_GetAttrString(ladder, "best");
}

/* Of a pure ladder, whose numbers may be of any size: no cache. */
static PyObject *pure_top(Core *self, PyObject *ladder)
{
    PyObject *price = PyObject_GetAttrString(ladder, "best"), *size = NULL, *level = NULL;
    if (price == NULL || price == Py_None) {
        return price;
    }
    size = PyObject_CallMethod(ladder, "size", "O", price);
    if (size != NULL) {
        level = PyObject_CallMethod((PyObject *)self, "level", "OO", price, size);
    }
    Py_XDECREF(size);
    Py_DECREF(price);
    return level;
}

/* A Level of two Decimals, of which the references are taken over; NULL among them: NULL. */
static PyObject *level_of(PyObject *price, PyObject *size)
{
    PyObject *numbers[2] = {price, size}, *level = NULL;
    if (price != NULL && size != NULL) {
        level = PyObject_Vectorcall(type_of_level, numbers, 2, NULL);
    }
    Py_XDECREF(price);
    Py_XDECREF(size);
    return level;
}

/* level(price, size) */
static PyObject *Core_level(Core *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "level(price, size)");
        return NULL;
    }
    PyObject *price = exact(args[0], self->price_scale);
    return level_of(price, price == NULL ? NULL : exact(args[1], self->size_scale));
}

static PyObject *Core_best_level(Core *self, void *side)
{
    PyObject *ladder = side_of(self, side != NULL);
    if (ladder == NULL) {
        return NULL;
    }
    if (!Py_IS_TYPE(ladder, &LadderType)) {
        return pure_top(self, ladder);
    }
    const Ladder *levels = (Ladder *)ladder;
    if (levels->count == 0) {
        Py_RETURN_NONE;
    }
    Top *top = &self->tops[side != NULL];
    Level best = levels->levels[levels->count - 1];
    int64_t price = best.key * levels->sign;
    if (top->level == NULL || top->price != price || top->size != best.size ||
        top->price_scale != self->price_scale || top->size_scale != self->size_scale) {
        PyObject *number = exact_price(price, self->price_scale);
        PyObject *level = level_of(number, number == NULL ? NULL : exact_size(best.size, self->size_scale));
        if (level == NULL) {
            return NULL;
        }
        Py_XSETREF(top->level, level);
        top->price = price;
        top->size = best.size;
        top->price_scale = self->price_scale;
        top->size_scale = self->size_scale;
    }
    return Py_NewRef(top->level);
}

/* The scales are compared at each read. */
static PyObject *Core_forget_top(Core *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    Py_RETURN_NONE;
}

/* ----------------------------------------------------------------------------------------------------- intake -- */

typedef struct {
    PyObject_HEAD
    long long frames_in, bytes_in, expected, last_received;
    char open;
} Intake;

static PyTypeObject IntakeType;

static PyObject *Intake_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return type->tp_alloc(type, 0);
}

static void Intake_dealloc(Intake *self)
{
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* ---------------------------------------------------------------------------------------------------- express -- */

enum { FIXED, MARK_TEXT, MARK_SEQ, MARK_KEY, MARK_TIME, MARK_BODY }; /* as `Mark` in codec.py */

#define MOST_PARTS 32

typedef struct {
    int mark;
    PyObject *fixed; /* bytes */
    int optional;    /* so many parts may be absent together */
} Part;

typedef struct {
    PyObject_HEAD
    Part parts[MOST_PARTS];
    int part_count;
    PyObject *tail; /* bytes */
    Reader *reader;
    Intake *intake;
    PyObject *books; /* dict: bytes -> Core */
    int numbered;
    long long max_lag;
    PyObject *event, *read, *shape; /* the BookUpdate, and what goes into it */
    PyObject *names;                /* of its members */
} Express;

static PyTypeObject ExpressType;

/* What the parts say of one frame. */
typedef struct {
    const char *key, *body, *end;
    Py_ssize_t key_length;
    int64_t seq, time; /* nanoseconds; 0: none */
    PyObject *read;    /* of this frame's event alone; NULL: that of all */
} Found;

static int days_in_month(int year, int month)
{
    static const int DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : DAYS[month - 1];
}

/* Days from 1970 to a day of the Gregorian calendar. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t shifted = year - (month <= 2), era = shifted / 400, of_era = shifted - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `count` digits; -1 when they are not. */
static int number_of(const char *at, int count)
{
    int value = 0;
    for (int n = 0; n < count; n++) {
        if (!is_digit(at[n])) {
            return -1;
        }
        value = value * 10 + (at[n] - '0');
    }
    return value;
}

/* RFC 3339 in UTC, from `at` to a quote: past it; NULL for any other form, and for years that do not fit. */
static const char *take_time(const char *at, const char *end, int64_t *time)
{
    if (end - at < 21 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':') {
        return NULL;
    }
    int year = number_of(at, 4), month = number_of(at + 5, 2), day = number_of(at + 8, 2);
    int hour = number_of(at + 11, 2), minute = number_of(at + 14, 2), second = number_of(at + 17, 2);
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return NULL;
    }
    int64_t nanos = 0, unit = 1000000000;
    at += 19;
    if (*at == '.') {
        for (at++; is_digit(*at) && unit > 1; at++) {
            unit /= 10;
            nanos += (*at - '0') * unit;
        }
        if (unit == 1000000000) {
            return NULL;
        }
    }
    if (*at != 'Z' || at[1] != '"') {
        return NULL;
    }
    *time = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60000000000 + second * 1000000000LL + nanos;
    return at + 1;
}

static inline int is_of_key(char byte)
{
    return is_digit(byte) || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '-' ||
           byte == '.' || byte == '_' || byte == ':' || byte == '/' || byte == '@';
}

/* Past one mark; NULL when it is not there. */
static const char *take_mark(int mark, const char *at, const char *end, Found *found)
{
    const char *start = at;
    switch (mark) {
    case MARK_TEXT:
        while (at < end && *at != '"' && *at != '\\') {
            at++;
        }
        return at;
    case MARK_SEQ:
        found->seq = 0;
        for (; is_digit(*at) && at - start < 18; at++) {
            found->seq = found->seq * 10 + (*at - '0');
        }
        return at == start ? NULL : at;
    case MARK_KEY:
        while (is_of_key(*at)) {
            at++;
        }
        found->key = start;
        found->key_length = at - start;
        return at == start ? NULL : at;
    case MARK_TIME: return take_time(at, end, &found->time);
    default: found->body = at; return at;
    }
}

/* Does the frame look like this? */
static int find(const Express *self, const char *at, const char *end, Found *found)
{
    for (int n = 0; n < self->part_count;) {
        const Part *part = self->parts + n;
        if (part->mark == FIXED) {
            Py_ssize_t length = PyBytes_GET_SIZE(part->fixed);
            if (end - at >= length && memcmp(at, PyBytes_AS_STRING(part->fixed), (size_t)length) == 0) {
                at += length;
                n++;
            } else if (part->optional) {
                n += part->optional;
            } else {
                return 0;
            }
        } else {
            at = take_mark(part->mark, at, end, found);
            if (at == NULL) {
                return 0;
            }
            n++;
        }
    }
    Py_ssize_t length = PyBytes_GET_SIZE(self->tail);
    found->end = end - length;
    return found->body != NULL && found->key != NULL && found->end >= at &&
           memcmp(found->end, PyBytes_AS_STRING(self->tail), (size_t)length) == 0;
}

/* The book of a frame, when it may go by express; borrowed. NULL without an error when not. */
static Core *book_of(const Express *self, const Found *found)
{
    PyObject *key = PyBytes_FromStringAndSize(found->key, found->key_length);
    if (key == NULL) {
        return NULL;
    }
    Core *book = (Core *)PyDict_GetItemWithError(self->books, key);
    Py_DECREF(key);
    if (book == NULL || !PyObject_TypeCheck((PyObject *)book, &CoreType) || !book->live || book->bids == NULL ||
        book->asks == NULL || !Py_IS_TYPE(book->bids, &LadderType) || !Py_IS_TYPE(book->asks, &LadderType) ||
        book->price_scale < 0 || book->price_scale > 18 || book->size_scale < 0 || book->size_scale > 18) {
        return NULL;
    }
    return book;
}

/* Is the book as it should be after an update? */
static int is_sound(const Express *self, const Core *book, int64_t time, int64_t now)
{
    const Ladder *bids = (Ladder *)book->bids, *asks = (Ladder *)book->asks;
    if (bids->count && asks->count && bids->levels[bids->count - 1].key >= -asks->levels[asks->count - 1].key) {
        return 0;
    }
    if (time == 0) {
        return 1;
    }
    int64_t late = now - time - book->least_lag; /* times lie between 1970 and 2200, and least_lag within 62 bits */
    return book->least_lag != NEVER && late >= 0 && late <= self->max_lag;
}

static int tell(Express *self, Core *book, const Found *found, PyObject *time, PyObject *now)
{
    PyObject *values[8] = {book->symbol,
                           PyBytes_FromStringAndSize(found->body, found->end - found->body),
                           found->read != NULL ? found->read : self->read,
                           self->shape,
                           PyLong_FromLong(book->price_scale),
                           PyLong_FromLong(book->size_scale),
                           time,
                           now};
    PyObject *event = NULL, *answer = NULL, *told = Py_NewRef(book->told);
    if (values[1] != NULL && values[4] != NULL && values[5] != NULL) {
        event = PyObject_Vectorcall(self->event, values, 0, self->names);
    }
    if (event != NULL) {
        answer = PyObject_CallOneArg(told, event);
    }
    Py_DECREF(told);
    Py_XDECREF(event);
    Py_XDECREF(values[1]);
    Py_XDECREF(values[4]);
    Py_XDECREF(values[5]);
    Py_XDECREF(answer);
    return answer != NULL;
}

/* After the rows: note it, or ask the keeper; then tell. 0 and an error when a listener raised. */
static int settle(Express *self, Core *book, const Found *found, int64_t now_value, PyObject *now)
{
    PyObject *time = PyLong_FromLongLong(found->time);
    int fine = time != NULL, shown = 1;
    if (fine && is_sound(self, book, found->time, now_value)) {
        Py_XSETREF(book->transact_time, Py_NewRef(time));
        book->last_good = now_value;
        book->updates++;
    } else if (fine) {
        PyObject *answer =
            book->unsound == Py_None ? Py_NewRef(Py_False) : PyObject_CallFunction(book->unsound, "OOs", time, now, "");
        shown = answer == NULL ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        fine = shown >= 0;
    }
    if (fine && shown && book->told != Py_None) {
        fine = tell(self, book, found, time, now);
    }
    Py_XDECREF(time);
    return fine;
}

/* take(payload, now) */
static PyObject *Express_take(Express *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "take(payload: bytes, now)");
        return NULL;
    }
    Intake *intake = self->intake;
    long long now = PyLong_AsLongLong(args[1]);
    if (now == -1 && PyErr_Occurred()) {
        return NULL;
    }
    const char *payload = PyBytes_AS_STRING(args[0]), *end = payload + PyBytes_GET_SIZE(args[0]);
    Found found = {.seq = -1};
    if (!intake->open || !find(self, payload, end, &found) || (self->numbered && found.seq != intake->expected)) {
        Py_RETURN_FALSE;
    }
    Core *book = book_of(self, &found);
    Py_ssize_t depth = book == NULL ? -1 : depth_of(book->depth);
    if (book == NULL || depth == -2) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    }
    int fine = read_body(self->reader, found.body, found.end, book->price_scale, book->size_scale);
    if (fine > 0 && apply_scratch((Ladder *)book->bids, (Ladder *)book->asks) < 0) {
        fine = -1;
    }
    shrink_scratch();
    if (fine <= 0) {
        return fine < 0 ? NULL : Py_NewRef(Py_False);
    }
    if (depth >= 0) {
        cut_to((Ladder *)book->bids, depth);
        cut_to((Ladder *)book->asks, depth);
    }
    intake->frames_in++;
    intake->bytes_in += end - payload;
    intake->expected += self->numbered;
    intake->last_received = now;
    Py_INCREF(book); /* a listener may let go of it */
    fine = settle(self, book, &found, now, args[1]);
    Py_DECREF(book);
    return fine ? Py_NewRef(Py_True) : NULL;
}

static int Express_traverse(Express *self, visitproc visit, void *arg)
{
    Py_VISIT(self->reader);
    Py_VISIT(self->intake);
    Py_VISIT(self->books);
    Py_VISIT(self->event);
    Py_VISIT(self->read);
    Py_VISIT(self->shape);
    return 0;
}

static int Express_clear(Express *self)
{
    for (int n = 0; n < self->part_count; n++) {
        Py_CLEAR(self->parts[n].fixed);
    }
    self->part_count = 0;
    Py_CLEAR(self->tail);
    Py_CLEAR(self->reader);
    Py_CLEAR(self->intake);
    Py_CLEAR(self->books);
    Py_CLEAR(self->event);
    Py_CLEAR(self->read);
    Py_CLEAR(self->shape);
    Py_CLEAR(self->names);
    return 0;
}

static void Express_dealloc(Express *self)
{
    PyObject_GC_UnTrack(self);
    Express_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int plan_part(Express *self, PyObject *item)
{
    Part *part = &self->parts[self->part_count];
    PyObject *fixed;
    if (!PyArg_ParseTuple(item, "iSi", &part->mark, &fixed, &part->optional)) {
        return 0;
    }
    if (part->mark < FIXED || part->mark > MARK_BODY || part->optional < 0 || part->optional > MOST_PARTS) {
        PyErr_SetString(PyExc_ValueError, "a part means nothing");
        return 0;
    }
    part->fixed = Py_NewRef(fixed);
    self->part_count++;
    return 1;
}

/* Of a BookUpdate, in the order of `tell`. */
static const char *const MEMBERS[] = {"symbol",      "body",       "read",          "shape",
                                      "price_scale", "size_scale", "transact_time", "recv_time"};

static PyObject *interned(const char *const *texts, size_t count)
{
    PyObject *names = PyTuple_New((Py_ssize_t)count);
    for (size_t n = 0; names != NULL && n < count; n++) {
        PyObject *name = PyUnicode_InternFromString(texts[n]);
        if (name == NULL) {
            Py_CLEAR(names);
        } else {
            PyTuple_SET_ITEM(names, (Py_ssize_t)n, name);
        }
    }
    return names;
}

/* Express(parts, tail, reader, intake, books, numbered, max_lag, event, read, shape) */
static PyObject *Express_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *parts, *tail, *reader, *intake, *books, *event, *read, *shape;
    int numbered;
    long long max_lag;
    if (!PyArg_ParseTuple(args, "O!SO!O!O!pLOOO:Express", &PyTuple_Type, &parts, &tail, &ReaderType, &reader,
                          &IntakeType, &intake, &PyDict_Type, &books, &numbered, &max_lag, &event, &read, &shape)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(parts) > MOST_PARTS) {
        PyErr_SetString(PyExc_ValueError, "too many parts");
        return NULL;
    }
    Express *self = (Express *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->tail = Py_NewRef(tail);
    self->reader = (Reader *)Py_NewRef(reader);
    self->intake = (Intake *)Py_NewRef(intake);
    self->books = Py_NewRef(books);
    self->numbered = numbered;
    self->max_lag = max_lag;
    self->event = Py_NewRef(event);
    self->read = Py_NewRef(read);
    self->shape = Py_NewRef(shape);
    self->names = interned(MEMBERS, sizeof MEMBERS / sizeof *MEMBERS);
    int fine = self->names != NULL;
    for (Py_ssize_t n = 0; fine && n < PyTuple_GET_SIZE(parts); n++) {
        fine = plan_part(self, PyTuple_GET_ITEM(parts, n));
    }
    if (!fine) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

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

/* ----------------------------------------------------------------------------------------------------- module -- */

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef ladder_methods[] = {
    {"set", FAST(Ladder_set), METH_FASTCALL, NULL},
    {"apply", FAST(Ladder_apply), METH_FASTCALL | METH_STATIC, NULL},
    {"delete_thru", (PyCFunction)Ladder_delete_thru, METH_O, NULL},
    {"load", (PyCFunction)Ladder_load, METH_O, NULL},
    {"trim", (PyCFunction)Ladder_trim, METH_O, NULL},
    {"size", (PyCFunction)Ladder_size, METH_O, NULL},
    {"top", FAST(Ladder_top), METH_FASTCALL, NULL},
    {"__sizeof__", (PyCFunction)Ladder_sizeof, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef ladder_members[] = {
    {"best", (getter)Ladder_best, NULL, "The best price; None when the side is empty.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PySequenceMethods ladder_sequence = {.sq_length = (lenfunc)Ladder_length};

static PyTypeObject LadderType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Ladder",
    .tp_doc = "One side of a book; see venuewire.book.ladder.",
    .tp_basicsize = sizeof(Ladder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Ladder_new,
    .tp_dealloc = (destructor)Ladder_dealloc,
    .tp_methods = ladder_methods,
    .tp_getset = ladder_members,
    .tp_as_sequence = &ladder_sequence,
};

static PyMethodDef reader_methods[] = {
    {"read", FAST(Reader_read), METH_FASTCALL, "Apply a body: False, and nothing has changed, when it is not certain."},
    {"rows", FAST(Reader_rows), METH_FASTCALL, "The rows of a body; None when it is not certain."},
    {"levels", FAST(Reader_levels), METH_FASTCALL, "The same as LevelChanges."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject ReaderType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Reader",
    .tp_doc = "Reads bodies of one shape into ladders; see venuewire.model.shape.",
    .tp_basicsize = sizeof(Reader),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Reader_new,
    .tp_dealloc = (destructor)Reader_dealloc,
    .tp_methods = reader_methods,
};

static PyMemberDef core_members[] = {
    {"symbol", T_OBJECT_EX, offsetof(Core, symbol), 0, NULL},
    {"depth", T_OBJECT, offsetof(Core, depth), 0, NULL},
    {"bids", T_OBJECT_EX, offsetof(Core, bids), 0, NULL},
    {"asks", T_OBJECT_EX, offsetof(Core, asks), 0, NULL},
    {"price_scale", T_INT, offsetof(Core, price_scale), 0, NULL},
    {"size_scale", T_INT, offsetof(Core, size_scale), 0, NULL},
    {"transact_time", T_OBJECT, offsetof(Core, transact_time), 0, NULL},
    {"last_good", T_LONGLONG, offsetof(Core, last_good), 0, NULL},
    {"least_lag", T_LONGLONG, offsetof(Core, least_lag), 0, NULL},
    {"updates", T_LONGLONG, offsetof(Core, updates), 0, NULL},
    {"live", T_BOOL, offsetof(Core, live), 0, NULL},
    {"told", T_OBJECT, offsetof(Core, told), 0, NULL},
    {"unsound", T_OBJECT, offsetof(Core, unsound), 0, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyGetSetDef core_reads[] = {
    {"bid", (getter)Core_best_price, NULL, "Best bid as an integer; None when there is no bid.", NULL},
    {"ask", (getter)Core_best_price, NULL, "Best ask, likewise.", (void *)1},
    {"best_bid", (getter)Core_best_level, NULL, "Best bid with its size; None when there is no bid.", NULL},
    {"best_ask", (getter)Core_best_level, NULL, "Best ask with its size; None when there is no ask.", (void *)1},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef core_methods[] = {
    {"forget_top", (PyCFunction)Core_forget_top, METH_NOARGS, NULL},
    {"level", FAST(Core_level), METH_FASTCALL, "What these integers stand for."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject CoreType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Core",
    .tp_doc = "What of a book is touched with every message; see venuewire.book.core.",
    .tp_basicsize = sizeof(Core),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = Core_new,
    .tp_init = Core_init,
    .tp_dealloc = (destructor)Core_dealloc,
    .tp_traverse = (traverseproc)Core_traverse,
    .tp_clear = (inquiry)Core_clear,
    .tp_members = core_members,
    .tp_getset = core_reads,
    .tp_methods = core_methods,
};

static PyMemberDef intake_members[] = {
    {"open", T_BOOL, offsetof(Intake, open), 0, NULL},
    {"frames_in", T_LONGLONG, offsetof(Intake, frames_in), 0, NULL},
    {"bytes_in", T_LONGLONG, offsetof(Intake, bytes_in), 0, NULL},
    {"expected", T_LONGLONG, offsetof(Intake, expected), 0, NULL},
    {"last_received", T_LONGLONG, offsetof(Intake, last_received), 0, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyTypeObject IntakeType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Intake",
    .tp_doc = "What comes in on one line, counted; see venuewire.session.intake.",
    .tp_basicsize = sizeof(Intake),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = Intake_new,
    .tp_dealloc = (destructor)Intake_dealloc,
    .tp_members = intake_members,
};

static PyMethodDef express_methods[] = {
    {"take", FAST(Express_take), METH_FASTCALL, "True: dealt with. False: nothing has changed."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject ExpressType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Express",
    .tp_doc = "Plain book updates straight to their books; see venuewire.book.express.",
    .tp_basicsize = sizeof(Express),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = Express_new,
    .tp_dealloc = (destructor)Express_dealloc,
    .tp_traverse = (traverseproc)Express_traverse,
    .tp_clear = (inquiry)Express_clear,
    .tp_methods = express_methods,
};

static PyMethodDef quote_table_methods[] = {
    {"apply", FAST(QuoteTable_apply), METH_FASTCALL, "Take one message: the rows of every price it touched."},
    {"quotes", (PyCFunction)QuoteTable_quotes, METH_NOARGS, NULL},
    {"__sizeof__", (PyCFunction)QuoteTable_sizeof, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PySequenceMethods quote_table_sequence = {.sq_length = (lenfunc)QuoteTable_length};

static PyTypeObject QuoteTableType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.QuoteTable",
    .tp_doc = "The quotes of one book by their ids; see venuewire.model.quotes.",
    .tp_basicsize = sizeof(QuoteTable),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = QuoteTable_new,
    .tp_dealloc = (destructor)QuoteTable_dealloc,
    .tp_methods = quote_table_methods,
    .tp_as_sequence = &quote_table_sequence,
};

static PyTypeObject GivenType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.Given",
    .tp_doc = "Rows that are known already; see venuewire.model.market.given.",
    .tp_basicsize = offsetof(Given, rows),
    .tp_itemsize = sizeof(Row),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Given_dealloc,
    .tp_call = (ternaryfunc)Given_call,
};

static PyMethodDef quote_express_methods[] = {
    {"take", FAST(QuoteExpress_take), METH_FASTCALL, "True: dealt with. False: nothing has changed."},
    {NULL, NULL, 0, NULL}};

static PyTypeObject QuoteExpressType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "venuewire.book._native.QuoteExpress",
    .tp_doc = "Plain changes of quotes straight to their tables and books; see venuewire.book.quotes.",
    .tp_basicsize = sizeof(QuoteExpress),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = QuoteExpress_new,
    .tp_dealloc = (destructor)QuoteExpress_dealloc,
    .tp_traverse = (traverseproc)QuoteExpress_traverse,
    .tp_clear = (inquiry)QuoteExpress_clear,
    .tp_methods = quote_express_methods,
};

static PyTypeObject *const TYPES[] = {&LadderType,  &ReaderType,     &CoreType,  &IntakeType,
                                      &ExpressType, &QuoteTableType, &GivenType, &QuoteExpressType};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "venuewire.book._native", .m_size = -1};

static PyObject *imported(const char *module_name, const char *name)
{
    PyObject *from = PyImport_ImportModule(module_name);
    PyObject *found = from == NULL ? NULL : PyObject_GetAttrString(from, name);
    Py_XDECREF(from);
    return found;
}

PyMODINIT_FUNC PyInit__native(void)
{
    BookError = imported("venuewire.errors", "BookError");
    type_of_level = imported("venuewire.model.market", "Level");
    type_of_change = imported("venuewire.model.market", "LevelChange");
    from_scaled = imported("venuewire.model.terms", "from_scaled");
    multiply = imported("venuewire.model.terms", "multiply");
    if (!BookError || !type_of_level || !type_of_change || !from_scaled || !multiply) {
        return NULL;
    }
    for (int scale = 0; scale < SCALES; scale++) {
        units[scale] = PyObject_CallFunction(from_scaled, "ii", 1, scale);
        if (units[scale] == NULL) {
            return NULL;
        }
    }
    PyObject *made = PyModule_Create(&module);
    int fine = made != NULL && PyModule_AddIntConstant(made, "SURFACE", SURFACE) == 0;
    for (size_t n = 0; fine && n < sizeof TYPES / sizeof *TYPES; n++) {
        fine = PyModule_AddType(made, TYPES[n]) == 0;
    }
    if (!fine) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
