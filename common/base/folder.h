/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.h -- whether a folder is fit to be worked in.  Blocks as long as its file system does; any thread.
 */
#ifndef SOKOUL_COMMON_BASE_FOLDER_H
#define SOKOUL_COMMON_BASE_FOLDER_H

enum folder_state
{
    FOLDER_FINE,    /* it can be entered, read and written by this user */
    FOLDER_MISSING, /* nothing is there */
    FOLDER_CLOSED,  /* this user lacks a right, on it or on the way to it, or the file system is read-only */
    FOLDER_NONE     /* something else is there */
};

enum folder_state folder_look(const char *path);
/* What a state means, behind the path: "cannot be read and written by this user". */
const char *folder_words(enum folder_state state);
double folder_free_gib(const char *path); /* for this user; -1: it cannot be told */

#endif
