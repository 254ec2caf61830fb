/* Rows, and the ladder they are applied to: one side of a book. A part of _native.c. */

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
