/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_node.h -- an engine as a program, driven by lines.
 *
 * For swarms made of processes (tests, bench): reads one command a line from stdin, writes one event
 * or answer a line to stdout.  Arguments are name=value: root= (downloads go to root/<id>, state to
 * root/.state), listen=, down=, up= (bytes a second), boot=, quota=, public=1.
 *
 *     add ID magnet URI [0,4] | add ID file PATH [0,4] | peer ID ADDRESS:PORT | pause ID | resume ID | remove
 * ID keep|delete purge ID | select ID 0,4,7 | want ID FILE OFFSET SIZE | ready ID FILE OFFSET SIZE | stat ID
 * | files ID | close MS
 *
 * Returns the exit status: 0 after close, 1 when the engine could not open.  End of input means close.
 */
#ifndef SOKOUL_TESTS_SUPPORT_ENGINE_NODE_H
#define SOKOUL_TESTS_SUPPORT_ENGINE_NODE_H

int engine_node_main(int count, char **arguments);

#endif
