/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn_away.h -- ending the queue of a listening socket.
 *
 * The kernel drops packets that would begin a connection.  Such a client tries again a second later, and then
 * reaches the program that listens here next, or none.  Connections that are in the queue already can still
 * be accepted and answered, where closing the socket would reset them.  Never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_OBS_TURN_AWAY_H
#define SOKOUL_COMMON_OBS_TURN_AWAY_H

void turn_away(int fd);

#endif
