/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h -- from the text of a setting to its member of struct conf; used inside conf/ only.
 */
#ifndef SOKOUL_COMMON_CONF_VALUE_H
#define SOKOUL_COMMON_CONF_VALUE_H

#include "common/conf/conf.h"

/* Writes the member; `text` must outlive the struct.  E_CONFIG: names the setting, never a secret's value. */
MUST_USE enum err_code value_read(const struct conf_setting *setting, const char *text, struct conf *conf,
                                  struct err *err);
/* Keeps a secret, or the password inside a URL, out of the log from now on. */
void value_mask(const struct conf_setting *setting, const char *text);

#endif
