/* Express: plain book updates, straight from the line to their books. A part of _native.c. */

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
