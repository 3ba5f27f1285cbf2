/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/redis_server.h"

#include "common/base/clock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
    START_MS = 20000
};

struct redis_server
{
    pid_t pid; /* 0: not running */
    int port;
    char url[128];
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("free port");
    close(fd);
    return ntohs(address.sin_port);
}

struct redis_server *redis_server_new(void)
{
    struct redis_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        die("calloc");
    server->port = free_port();
    snprintf(server->url, sizeof server->url, "redis://:p%%40ss%%3aw%%2Frd%%25@127.0.0.1:%d/3", server->port);
    return server;
}

void redis_server_free(struct redis_server *server)
{
    if (server == NULL)
        return;
    redis_server_kill(server);
    free(server);
}

static bool listens(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return up;
}

static void become_redis(int port)
{
    char text[16];
    snprintf(text, sizeof text, "%d", port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", text, "--save", "",
           "--appendonly", "no", "--requirepass", REDIS_SERVER_PASSWORD, "--dir", "/tmp", "--daemonize", "no",
           (char *)NULL);
    _exit(127);
}

void redis_server_start(struct redis_server *server)
{
    int64_t until_ms = clock_mono_ms() + START_MS;
    server->pid = fork();
    if (server->pid < 0)
        die("fork");
    if (server->pid == 0)
        become_redis(server->port);
    while (!listens(server->port))
    {
        if (clock_mono_ms() > until_ms || waitpid(server->pid, NULL, WNOHANG) != 0)
            die("redis-server does not start");
        poll(NULL, 0, 10);
    }
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void redis_server_freeze(struct redis_server *server)
{
    int status;
    kill(server->pid, SIGSTOP);
    waitpid(server->pid, &status, WUNTRACED);
}

void redis_server_thaw(struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}

const char *redis_server_url(const struct redis_server *server)
{
    return server->url;
}

int redis_server_port(const struct redis_server *server)
{
    return server->port;
}
