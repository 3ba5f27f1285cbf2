/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/needed.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    NEEDED_MAX = 64
};

struct image
{
    const unsigned char *bytes;
    size_t size;
    ElfW(Ehdr) head;
};

/* Copies bytes at an offset of the file; false when the file ends before. */
static bool take(const struct image *image, uint64_t at, void *out, size_t size)
{
    if (at > image->size || size > image->size - at)
        return false;
    memcpy(out, image->bytes + at, size);
    return true;
}

static bool part(const struct image *image, size_t i, ElfW(Phdr) * out)
{
    return i < image->head.e_phnum &&
           take(image, image->head.e_phoff + i * (uint64_t)image->head.e_phentsize, out, sizeof *out);
}

/* The offset in the file of an address of the running program; the size of the file: it has none. */
static uint64_t offset_of(const struct image *image, uint64_t address)
{
    ElfW(Phdr) load;
    for (size_t i = 0; part(image, i, &load); i++)
        if (load.p_type == PT_LOAD && address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz)
            return load.p_offset + (address - load.p_vaddr);
    return image->size;
}

static bool find_dynamic(const struct image *image, ElfW(Phdr) * out)
{
    for (size_t i = 0; part(image, i, out); i++)
        if (out->p_type == PT_DYNAMIC)
            return true;
    return false;
}

/* Offsets of the names in the string table, and the offset of that table in the file. */
static size_t find_names(const struct image *image, uint64_t *at, uint64_t *texts)
{
    ElfW(Phdr) dynamic;
    ElfW(Dyn) entry;
    size_t count = 0;
    if (!find_dynamic(image, &dynamic))
        return 0;
    for (uint64_t i = 0; i < dynamic.p_filesz / sizeof entry; i++)
    {
        if (!take(image, dynamic.p_offset + i * sizeof entry, &entry, sizeof entry) || entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_STRTAB)
            *texts = offset_of(image, entry.d_un.d_ptr);
        else if (entry.d_tag == DT_NEEDED && count < NEEDED_MAX)
            at[count++] = entry.d_un.d_val;
    }
    return count;
}

static enum err_code read_names(struct image *image, struct arena *arena, const char ***names, size_t *count,
                                struct err *err)
{
    uint64_t at[NEEDED_MAX];
    uint64_t texts = image->size;
    if (!take(image, 0, &image->head, sizeof image->head) ||
        memcmp(image->head.e_ident, ELFMAG, SELFMAG) != 0 ||
        image->head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return fail(err, E_INVALID, "it is no program of this machine");
    size_t found = find_names(image, at, &texts);
    const char **list = arena_array(arena, found + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < found; i++)
    {
        const uint64_t from = texts + at[i];
        const size_t left = from < image->size ? image->size - from : 0;
        const size_t len = left > 0 ? strnlen((const char *)image->bytes + from, left) : left;
        if (len == left)
            return fail(err, E_INVALID, "it was cut short");
        list[i] = arena_strdup(arena, (const char *)image->bytes + from);
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *names = list;
    *count = found;
    return E_OK;
}

enum err_code needed_read(const char *path, struct arena *arena, const char ***names, size_t *count,
                          struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, E_NOT_FOUND, "it cannot be read");
    void *bytes = MAP_FAILED;
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return fail(err, E_INVALID, "it is no program of this machine");
    struct image image = {.bytes = bytes, .size = (size_t)st.st_size};
    enum err_code code = read_names(&image, arena, names, count, err);
    munmap(bytes, image.size);
    return code;
}
