/* Core and Intake: what of a book, and of a line, is touched with every message. A part of _native.c. */

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
