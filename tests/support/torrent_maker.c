/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/torrent_maker.h"

#include "common/media/bencode.h"

#include <string.h>

enum
{
    MAX_SPANS = 4096
};

static struct buf *made;
static uint64_t random_state;

void torrent_maker_begin(struct buf *bytes, uint64_t seed)
{
    made = bytes;
    random_state = UINT64_C(88172645463325252) + seed;
}

/* The same on each run (xorshift64). */
size_t torrent_maker_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)((random_state >> 11) % limit);
}

/* ---- torrents made here ------------------------------------------------------------------- */

static const struct
{
    const char *at;
    size_t len;
} names[] = {
#define NAME(text) {text, sizeof(text) - 1}
    NAME("a"),
    NAME("b"),
    NAME("A"),
    NAME("t"),
    NAME("film.mkv"),
    NAME(""),
    NAME("."),
    NAME(".."),
    NAME("..."),
    NAME(" "),
    NAME("a "),
    NAME("a."),
    NAME("a/b"),
    NAME("/a"),
    NAME("a\\b"),
    NAME("\\"),
    NAME("\xE2\x80\x8E"),
    NAME("a\xE2\x80\x8E"
         "b"),
    NAME("\xE2\x80\xAE"
         "gpj.exe"),
    NAME("\xE2\x81\xA6x"),
    NAME("\xC3\xA9t\xC3\xA9"),
    NAME("e\xCC\x81t"),
    NAME("\xE9t\xE9"),
    NAME("\xFF\xFE"),
    NAME("\xED\xA0\x80"),
    NAME("\xC0\xAF"),
    NAME("\xF4\x90\x80\x80"),
    NAME("\xF0\x9F\x98\x80"),
    NAME("\xE2\x82"),
    NAME("a\tb"),
    NAME("a\nb"),
    NAME("a\0b"),
    NAME("a\x7F"
         "b"),
    NAME("\xC2\x85"),
    NAME("CON"),
    NAME("a:b"),
    NAME("a*?<>|\""),
    NAME("\xEF\xBB\xBF"
         "bom"),
    NAME("\xCF\xF0\xE8\xE2\xE5\xF2"),
#define FIFTY "01234567890123456789012345678901234567890123456789"
    NAME(FIFTY FIFTY FIFTY FIFTY "0123456789012345678901234567890123456.mkv"),
    NAME(FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY ".mkv"),
    NAME(FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY),
};

static const char *const values[] = {
    "i0e",
    "i1e",
    "i-1e",
    "i2e",
    "i5e",
    "i16384e",
    "i32768e",
    "i16383e",
    "i65536e",
    "i9223372036854775807e",
    "i2147483648e",
    "i00e",
    "i-0e",
    "0:",
    "1:a",
    "1:p",
    "1:l",
    "1:x",
    "1:h",
    "2:pl",
    "le",
    "de",
    "l1:ae",
    "l0:e",
    "d0:dee",
    "d0:d6:lengthi0eee",
    "i67108864e",
    "i67108865e",
    "i134217728e",
    "32:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "d0:d6:lengthi5e11:pieces root32:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbee",
    "d1:ad0:d6:lengthi5e11:pieces root32:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbeee",
    "d6:lengthi5e4:pathl1:zee",
    "l1:a1:be",
    "6:length",
    "4:attr",
    "12:symlink path",
    "11:pieces root",
    "4:path",
    "10:path.utf-8",
    "10:name.utf-8",
    "7:private",
    "12:meta version",
    "9:file tree",
    "5:files",
    "6:pieces",
    "8:announce",
    "13:announce-list",
    "8:url-list",
    "9:httpseeds",
    "8:encoding",
    "12:piece layers",
    "6:md5sum",
    "22:udp://t.example:80/ann",
    "17:http://s.example/",
    "ll17:http://a.example/ee",
};

static size_t any_name(void)
{
    return torrent_maker_below(3) != 0 ? torrent_maker_below(5)
                                       : torrent_maker_below(sizeof names / sizeof names[0]);
}

static void put_name(size_t name)
{
    buf_addf(made, "%zu:", names[name].len);
    buf_add(made, names[name].at, names[name].len);
}

static size_t any_size(void)
{
    static const size_t sizes[] = {0, 0, 1, 5, 16383, 16384, 16385, 32768, 50000, 70000};
    return sizes[torrent_maker_below(sizeof sizes / sizeof sizes[0])];
}

static void put_attr(void)
{
    static const char *const attrs[] = {"1:p", "1:x", "1:h", "2:xh", "1:l", "0:"};
    if (torrent_maker_below(8) == 0)
        buf_addf(made, "4:attr%s", attrs[torrent_maker_below(sizeof attrs / sizeof attrs[0])]);
}

static void put_root(void)
{
    char root[32];
    int kind = (int)torrent_maker_below(30);
    memset(root, kind == 0 ? 0 : (int)('a' + torrent_maker_below(26)), sizeof root);
    if (kind > 1)
        root[0] = (char)torrent_maker_below(256);
    buf_add_text(made, "11:pieces root32:");
    buf_add(made, root, sizeof root);
}

static void put_leaf(size_t size)
{
    buf_add_text(made, "d0:d");
    put_attr();
    buf_addf(made, "6:lengthi%zue", size);
    if (size > 0 || torrent_maker_below(4) == 0)
        put_root();
    buf_add_text(made, "ee");
}

/* In order, mostly. */
static void put_tree(int depth)
{
    size_t count = 1 + torrent_maker_below(4);
    size_t name = any_name();
    buf_add_char(made, 'd');
    for (size_t i = 0; i < count; i++, name = torrent_maker_below(4) == 0 ? any_name() : name + 1)
    {
        put_name(name % (sizeof names / sizeof names[0]));
        if (depth < 3 && torrent_maker_below(4) == 0)
            put_tree(depth + 1);
        else
            put_leaf(any_size());
    }
    buf_add_char(made, 'e');
}

static size_t put_list(void)
{
    size_t count = 1 + torrent_maker_below(5);
    size_t sum = 0;
    buf_add_text(made, "5:filesl");
    for (size_t i = 0; i < count; i++)
    {
        size_t size = any_size();
        sum += size;
        buf_add_char(made, 'd');
        put_attr();
        buf_addf(made, "6:lengthi%zue4:pathl", size);
        for (size_t parts = 1 + torrent_maker_below(3); parts > 0; parts--)
            put_name(any_name());
        buf_add_text(made, "e");
        if (torrent_maker_below(8) == 0)
        {
            buf_add_text(made, "10:path.utf-8l");
            put_name(any_name());
            buf_add_char(made, 'e');
        }
        buf_add_char(made, 'e');
    }
    buf_add_char(made, 'e');
    return sum;
}

static void put_sources(void)
{
    if (torrent_maker_below(2) == 0)
        buf_add_text(made, "8:announce22:udp://t.example:80/ann");
    if (torrent_maker_below(3) == 0)
        buf_add_text(made, "13:announce-listll21:http://a.example/annoel22:udp://t.example:80/annee");
}

static void make_v1(size_t piece)
{
    size_t sum = any_size();
    if (torrent_maker_below(3) != 0)
        sum = put_list();
    else
        buf_addf(made, "6:lengthi%zue", sum);
    buf_add_text(made, "4:name");
    put_name(any_name());
    size_t pieces = (sum + piece - 1) / piece;
    buf_addf(made, "12:piece lengthi%zue6:pieces%zu:", piece, pieces * 20);
    for (size_t i = 0; i < pieces; i++)
        buf_add_text(made, "aaaaaaaaaaaaaaaaaaaa");
}

static void make_v2(size_t piece)
{
    buf_add_text(made, "9:file tree");
    put_tree(0);
    buf_add_text(made, "12:meta versioni2e4:name");
    put_name(any_name());
    buf_addf(made, "12:piece lengthi%zue", piece);
}

/* Padding, where files of version 1 must begin where those of version 2 do. */
static void put_padding(size_t *sum, size_t piece)
{
    size_t size = (piece - *sum % piece) % piece;
    if (size > 0)
        buf_addf(made, "d4:attr1:p6:lengthi%zue4:pathl4:.pad1:%zuee", size, size % 10);
    *sum += size;
}

static void make_hybrid(size_t piece)
{
    size_t sizes[6];
    size_t count = 1 + torrent_maker_below(6);
    size_t sum = 0;
    size_t kind = torrent_maker_below(4);
    buf_add_text(made, "9:file treed");
    for (size_t i = 0; i < count; i++)
    {
        sizes[i] = any_size();
        buf_addf(made, "1:%c", (char)('a' + i));
        put_leaf(sizes[i]);
    }
    buf_add_text(made, "e5:filesl");
    for (size_t i = 0; i < count; i++)
    {
        if (kind != 0 || sizes[i] > 0)
            put_padding(&sum, piece);
        buf_addf(made, "d6:lengthi%zue4:pathl1:%cee", sizes[i], (char)('a' + i));
        sum += sizes[i];
    }
    if (kind == 1)
        put_padding(&sum, piece);
    size_t pieces = (sum + piece - 1) / piece;
    buf_addf(made, "e12:meta versioni2e4:name1:t12:piece lengthi%zue6:pieces%zu:", piece, pieces * 20);
    for (size_t i = 0; i < pieces; i++)
        buf_add_text(made, "aaaaaaaaaaaaaaaaaaaa");
}

void torrent_maker_make(void)
{
    size_t piece = (size_t)16384 << torrent_maker_below(3);
    buf_clear(made);
    buf_add_char(made, 'd');
    put_sources();
    buf_add_text(made, "4:infod");
    size_t version = torrent_maker_below(5);
    if (version < 2)
        make_v1(torrent_maker_below(10) == 0 ? piece + torrent_maker_below(5000) : piece);
    else if (version == 2)
        make_hybrid(piece);
    else
        make_v2(piece);
    if (torrent_maker_below(3) == 0)
        buf_addf(made, "7:privatei%zue", torrent_maker_below(3));
    buf_add_char(made, 'e');
    if (torrent_maker_below(4) == 0)
        buf_add_text(made, "8:url-list17:http://s.example/");
    buf_add_char(made, 'e');
}

/* ---- changes ------------------------------------------------------------------------------- */

static struct bencode spans[MAX_SPANS];
static size_t span_count;

static void collect(struct bencode value)
{
    struct bencode_iter iter = bencode_iter(value);
    struct bencode child;
    if (span_count < MAX_SPANS)
        spans[span_count++] = value;
    while (bencode_next(&iter, &child)) /* keys too */
        collect(child);
}

/* Puts `with` where `len` bytes stand at `at`. */
static void replace(const char *at, size_t len, const char *with, size_t with_len)
{
    struct buf changed;
    const char *start = made->data;
    buf_init(&changed, made->max);
    buf_add(&changed, start, (size_t)(at - start));
    buf_add(&changed, with, with_len);
    buf_add(&changed, at + len, (size_t)(start + made->len - (at + len)));
    buf_fini(made);
    *made = changed;
}

/* One value for another, one left out, one twice; a third of them keeps bencode in order only by luck. */
static void change_value(void)
{
    struct bencode old = spans[1 + torrent_maker_below(span_count - 1)];
    struct bencode other = spans[1 + torrent_maker_below(span_count - 1)];
    const char *value = values[torrent_maker_below(sizeof values / sizeof values[0])];
    switch (torrent_maker_below(4))
    {
    case 0:
        replace(old.at, old.len, value, strlen(value));
        break;
    case 1:
        replace(old.at, old.len, other.at, other.len);
        break;
    case 2:
        replace(old.at, old.len, "", 0);
        break;
    default:
        replace(old.at, 0, old.at, old.len);
        break;
    }
}

static void change_byte(void)
{
    char c = (char)torrent_maker_below(256);
    const char *at = made->data + torrent_maker_below(made->len);
    size_t kind = torrent_maker_below(3);
    replace(at, kind == 0 ? 0 : 1, &c, kind == 1 ? 0 : 1);
}

void torrent_maker_change(void)
{
    struct bencode root;
    span_count = 0;
    if (torrent_maker_below(5) != 0 && bencode_open(made->data, made->len, &root, NULL) == E_OK)
    {
        collect(root);
        change_value();
    }
    else
        change_byte();
}
