/* The reader of raw JSON bodies, by the plan of a Shape; and Decimals of what it finds. A part of _native.c. */

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
