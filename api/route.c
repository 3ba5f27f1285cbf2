/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"

#include <stdio.h>

void route_print_all(void)
{
    static const char *const who[] = {
#define X(id, name) [WHO_##id] = name,
        WHO_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < routes.count; i++)
        printf("%s\t%s\t%s\t%s\n", method_name(routes.rows[i].method), routes.rows[i].pattern,
               who[routes.rows[i].who], routes.rows[i].flags & ROUTE_LOGIN ? "login" : "key");
}
