/* SPDX-License-Identifier: Apache-2.0 */
#include "api/overrule.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

typedef enum MHD_Result queue_fn(struct MHD_Connection *, unsigned, struct MHD_Response *);

/* POSIX has no cast from an address of data to one of code. */
static queue_fn *library_queue(void)
{
    static queue_fn *found;
    if (found == NULL)
    {
        void *symbol = dlsym(RTLD_NEXT, "MHD_queue_response");
        memcpy(&found, &symbol, sizeof found);
    }
    if (found == NULL)
        abort(); /* the program is linked against a library that has it */
    return found;
}

bool overrule_queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    return library_queue()(connection, status, response) == MHD_YES;
}

/* Found by the library in place of its own. */
enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                   struct MHD_Response *response)
{
    (void)response;
    server_refuse(connection, status);
    return MHD_NO;
}
