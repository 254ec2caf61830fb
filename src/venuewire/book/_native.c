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

/* One unit for the compiler, so that what is called with every row is not called at all. Each uses what stands above. */
#include "native/ladder.c"
#include "native/reader.c"
#include "native/core.c"
#include "native/express.c"
#include "native/quotes.c"

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
