/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/ip_filter.hpp>
#include <libtorrent/mmap_disk_io.hpp>
#include <libtorrent/peer_class.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>

#include <climits>
#include <cstdlib>

namespace inside
{

namespace
{

const int RECONNECT_S = 5;

struct span_of_addresses
{
    const char *first;
    const char *last;
};

/* Not contacted unless the settings allow it: this machine, its networks, and addresses with an IPv4 one
 * inside. */
const span_of_addresses PRIVATE[] = {
    {"0.0.0.0", "0.255.255.255"},
    {"10.0.0.0", "10.255.255.255"},
    {"100.64.0.0", "100.127.255.255"},
    {"127.0.0.0", "127.255.255.255"},
    {"169.254.0.0", "169.254.255.255"},
    {"172.16.0.0", "172.31.255.255"},
    {"192.0.0.0", "192.0.0.255"},
    {"192.0.2.0", "192.0.2.255"},
    {"192.168.0.0", "192.168.255.255"},
    {"198.18.0.0", "198.19.255.255"},
    {"198.51.100.0", "198.51.100.255"},
    {"203.0.113.0", "203.0.113.255"},
    {"224.0.0.0", "255.255.255.255"},
    {"::", "::1"},
    {"::ffff:0:0", "::ffff:ffff:ffff"},
    {"64:ff9b::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
    {"100::", "100::ffff:ffff:ffff:ffff"},
    {"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"fe80::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

/* "0.0.0.0:6881,[::]:6881": each with a port. */
void check_listen(const std::string &listen)
{
    size_t from = 0;
    while (from <= listen.size())
    {
        size_t comma = std::min(listen.find(',', from), listen.size());
        std::string one = listen.substr(from, comma - from);
        size_t colon = one.rfind(':');
        char *end = nullptr;
        long port = colon == std::string::npos ? -1 : std::strtol(one.c_str() + colon + 1, &end, 10);
        if (colon == 0 || port < 0 || port > 65535 || end == one.c_str() + colon + 1 || *end != '\0')
            throw failure{E_CONFIG, "not an address to listen on: \"" + one + "\""};
        from = comma + 1;
    }
}

void set_behaviour(lt::settings_pack &pack, const struct engine_config &config)
{
    using sp = lt::settings_pack;
    bool any = config.reach == ENGINE_REACH_ANY;
    pack.set_str(sp::user_agent, "Sokoul libtorrent/" LIBTORRENT_VERSION);
    pack.set_int(sp::alert_mask, lt::alert_category::error | lt::alert_category::status |
                                     lt::alert_category::storage | lt::alert_category::tracker);
    pack.set_int(sp::alert_queue_size, 20000);
    pack.set_bool(sp::enable_dht, (config.find & ENGINE_FIND_DHT) != 0);
    pack.set_bool(sp::enable_lsd, (config.find & ENGINE_FIND_LSD) != 0);
    pack.set_bool(sp::enable_upnp, (config.find & ENGINE_MAP_UPNP) != 0);
    pack.set_bool(sp::enable_natpmp, (config.find & ENGINE_MAP_NATPMP) != 0);
    pack.set_bool(sp::announce_to_all_tiers, true);
    pack.set_bool(sp::announce_to_all_trackers, true);
    pack.set_int(sp::tracker_completion_timeout, 15);
    pack.set_int(sp::tracker_receive_timeout, 5);
    pack.set_int(sp::stop_tracker_timeout, 1);
    pack.set_int(sp::min_reconnect_time, RECONNECT_S);
    pack.set_int(sp::max_metadata_size, 10 << 20);
    pack.set_int(sp::metadata_token_limit, 500000);
    pack.set_int(sp::max_piece_count, 262144);
    pack.set_bool(
        sp::enable_outgoing_utp,
        false); /* uTP had a fifth of TCP's rate in our tests, and is slow to see that a peer is gone */
    pack.set_bool(sp::no_connect_privileged_ports, true);
    pack.set_bool(sp::support_share_mode, false);   /* peers need not know that a magnet waits at the gate */
    pack.set_bool(sp::strict_end_game_mode, false); /* the last pieces waited 3 s in one peer's queue */
    pack.set_bool(sp::apply_ip_filter_to_trackers, true);
    pack.set_bool(sp::ssrf_mitigation, !any);
    pack.set_bool(sp::allow_multiple_connections_per_ip,
                  any); /* all of a local swarm may share one address */
}

void set_resources(lt::settings_pack &pack, const struct engine_config &config)
{
    using sp = lt::settings_pack;
    pack.set_int(sp::mmap_file_size_cutoff,
                 INT_MAX); /* mapped files count as our memory: 1,104 MiB against 92 */
    pack.set_int(sp::download_rate_limit,
                 static_cast<int>(std::min<uint32_t>(config.down_limit_bytes_s, INT_MAX)));
    pack.set_int(sp::upload_rate_limit,
                 static_cast<int>(std::min<uint32_t>(config.up_limit_bytes_s, INT_MAX)));
    pack.set_int(sp::connections_limit,
                 config.max_connections == 0
                     ? 200
                     : static_cast<int>(std::min<uint32_t>(config.max_connections, 65535)));
    pack.set_int(sp::request_queue_time, 10); /* fills the queues of seeders that answer in pulses */
    pack.set_int(sp::hashing_threads, 2);
    pack.set_int(sp::aio_threads, 4);
}

void set_listen(lt::settings_pack &pack, const struct engine_config &config)
{
    using sp = lt::settings_pack;
    std::string listen = config.listen == nullptr ? "0.0.0.0:6881,[::]:6881" : config.listen;
    check_listen(listen);
    pack.set_str(sp::listen_interfaces, listen);
    std::string host = listen.substr(0, listen.rfind(':'));
    if (listen.find(',') == std::string::npos && host != "0.0.0.0" && host != "[::]")
        pack.set_str(sp::outgoing_interfaces, host);
}

/* One class for all peers: by default those on private addresses have no limit. */
void limit_everybody(lt::session &session)
{
    lt::ip_filter classes;
    const uint32_t global = 1u << static_cast<uint32_t>(lt::session::global_peer_class_id);
    classes.add_rule(lt::make_address("0.0.0.0"), lt::make_address("255.255.255.255"), global);
    classes.add_rule(lt::make_address("::"), lt::make_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                     global);
    session.set_peer_class_filter(classes);
}

void stay_public(lt::session &session)
{
    lt::ip_filter filter;
    for (const span_of_addresses &range : PRIVATE)
        filter.add_rule(lt::make_address(range.first), lt::make_address(range.last), lt::ip_filter::blocked);
    session.set_ip_filter(filter);
}

} // namespace

std::unique_ptr<lt::session> session_open(const struct engine_config &config)
{
    setenv("RES_OPTIONS", "timeout:2 attempts:1",
           0); /* one resolver thread: a dead name must not hold up the next */
    lt::session_params params;
    params.disk_io_constructor = lt::mmap_disk_io_constructor;
    set_behaviour(params.settings, config);
    set_resources(params.settings, config);
    set_listen(params.settings, config);
    std::unique_ptr<lt::session> session = std::make_unique<lt::session>(std::move(params));
    limit_everybody(*session);
    if (config.reach == ENGINE_REACH_PUBLIC)
        stay_public(*session);
    return session;
}

void session_adjust(lt::session &session, seeds_dial call, seeds_stay stay)
{
    lt::settings_pack pack;
    pack.set_int(lt::settings_pack::min_reconnect_time, call == seeds_dial::soon ? 1 : RECONNECT_S);
    pack.set_bool(lt::settings_pack::close_redundant_connections, stay == seeds_stay::usual);
    session.apply_settings(std::move(pack));
}

} // namespace inside
