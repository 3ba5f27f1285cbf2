/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn_away.h -- how the queue of a socket that listens comes to an end.
 *
 * No connection is begun any more: the kernel drops what would begin one, and who is turned away asks again a
 * second later, then of the program that listens here next, or of none.  Who stands in the queue already can
 * be taken from it and answered, where closing the socket would reset them.  Never blocks, any thread.
 */
#ifndef SOKOUL_COMMON_OBS_TURN_AWAY_H
#define SOKOUL_COMMON_OBS_TURN_AWAY_H

void turn_away(int fd);

#endif
