/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/avatar.h"

#include "api/handlers/answer.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/conf/conf.h"
#include "common/crypt/digest.h"
#include "common/http/multipart.h"
#include "common/media/image.h"
#include "common/store/avatars.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    NAME_BYTES = 16,
    FOLDER_MODE = 0750,
    FILE_MODE = 0640
};

/* ---- the folder ------------------------------------------------------------------------------ */

static int open_folder(const struct request *req)
{
    const struct conf *conf = req->app->conf;
    const bool is_said = conf->avatar_dir != NULL && conf->avatar_dir[0] != '\0';
    const char *path =
        is_said ? conf->avatar_dir : arena_printf(req->arena, "%s/.avatars", conf->download_dir);
    if (path == NULL || (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST))
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum err_code unusable(struct err *err)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return fail(err, E_DISK_FULL, "Disk full");
    log_error("avatar_dir", "AVATAR_DIR cannot be used: %s", strerror(errno));
    return fail(err, E_UNAVAILABLE, "pictures cannot be kept at the moment");
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0)
    {
        const ssize_t wrote = write(fd, bytes, len);
        if (wrote < 0 && errno != EINTR)
            return false;
        bytes += wrote > 0 ? wrote : 0;
        len -= wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

static enum err_code write_file(struct request *req, const char *name, const struct multipart_file *file,
                                struct err *err)
{
    const int folder = open_folder(req);
    const int fd =
        folder < 0 ? -1
                   : openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    const bool good = fd >= 0 && fchmod(fd, FILE_MODE) == 0 && write_all(fd, file->bytes, file->len) &&
                      fsync(fd) == 0 && fsync(folder) == 0;
    const enum err_code code = good ? E_OK : unusable(err);
    if (fd >= 0)
        close(fd);
    if (!good && fd >= 0)
        unlinkat(folder, name, 0);
    if (folder >= 0)
        close(folder);
    return code;
}

void avatar_forget(struct request *req, const char *file)
{
    const int folder = file != NULL ? open_folder(req) : -1;
    if (file != NULL && (folder < 0 || (unlinkat(folder, file, 0) != 0 && errno != ENOENT)))
        log_warn("avatar_left", "the file %s of a picture stays in AVATAR_DIR: %s", file, strerror(errno));
    if (folder >= 0)
        close(folder);
}

static enum err_code read_file(struct request *req, const char *name, struct err *err)
{
    struct buf *body = &req->reply.body;
    char bytes[1 << 16];
    ssize_t got = -1;
    const int folder = open_folder(req);
    const int fd = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    (void)reply_begin(req);
    while (fd >= 0 && (got = read(fd, bytes, sizeof bytes)) > 0 && body->len <= AVATAR_MAX_BYTES)
        buf_add(body, bytes, (size_t)got);
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return got == 0 ? E_OK : fail(err, E_NOT_FOUND, "your picture is lost");
}

/* ---- handlers -------------------------------------------------------------------------------- */

static enum err_code store(struct request *req, const struct avatar *avatar, struct err *err)
{
    struct db *db;
    const char *old = NULL;
    if (request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (avatar_store_put(db, req->arena, req->user.id.text, avatar, &old, err) != E_OK ||
        answer_audit(req, db, "avatar_changed", NULL, NULL, err) != E_OK)
    {
        db_rollback(db);
        avatar_forget(req, avatar->file);
        return err->code;
    }
    if (db_commit(db, err) != E_OK) /* in doubt: the file stays */
        return err->code;
    avatar_forget(req, old);
    return E_OK;
}

static void name_file(char name[2 * NAME_BYTES + 1])
{
    unsigned char bytes[NAME_BYTES];
    random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(name + 2 * i, 3, "%02x", bytes[i]);
}

enum err_code avatar_put(struct request *req, struct err *err)
{
    struct multipart_file file;
    struct image image;
    char name[2 * NAME_BYTES + 1];
    if (multipart_file(req->header[HEADER_CONTENT_TYPE], req->body, req->body_len, &file, err) != E_OK)
        return err->code;
    if (file.len > AVATAR_MAX_BYTES)
        return fail(err, E_TOO_LARGE, "a picture may have %d bytes", AVATAR_MAX_BYTES);
    if (image_look(file.bytes, file.len, &image, err) != E_OK)
        return err->code;
    name_file(name);
    const struct digest digest = digest_sha256(file.bytes, file.len);
    const struct avatar avatar = {name, image.type, digest.hex};
    if (write_file(req, name, &file, err) != E_OK || store(req, &avatar, err) != E_OK)
        return err->code;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "type", image.type);
    json_put_int(&w, "width", image.width);
    json_put_int(&w, "height", image.height);
    json_put_int(&w, "size", (int64_t)file.len);
    json_end_object(&w);
    return reply_json(req, REPLY_CREATED, err);
}

enum err_code avatar_get(struct request *req, struct err *err)
{
    struct db *db;
    struct avatar avatar;
    if (request_db(req, &db, err) != E_OK ||
        avatar_store_get(db, req->arena, req->user.id.text, &avatar, err) != E_OK)
        return err->code;
    request_db_release(req);
    const char *tag = arena_printf(req->arena, "\"%.32s\"", avatar.sha256);
    const char *known = req->header[HEADER_IF_NONE_MATCH];
    reply_header(req, "ETag", tag);
    if (tag != NULL && known != NULL && strstr(known, tag) != NULL)
        return reply_not_modified(req);
    if (read_file(req, avatar.file, err) != E_OK)
        return err->code;
    return reply_text(req, REPLY_OK, strcmp(avatar.type, "image/png") == 0 ? "image/png" : "image/jpeg", err);
}
