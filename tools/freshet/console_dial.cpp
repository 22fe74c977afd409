#include "tools/freshet/console_dial.hpp"

#include "actors/access/key_file.hpp"
#include "actors/port/endpoint.hpp"
#include "actors/port/inbound.hpp"
#include "actors/port/sockets.hpp"
#include "kernels/base/hex.hpp"
#include "topology/graph/endpoint.hpp"

#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include <unistd.h>

namespace freshet::cli {
namespace {

/// A local socket that is there, before one of the network.
std::string nearest_endpoint(const topology::node_spec& node) {
  for (const std::string& text : node.listen) {
    const auto e = topology::parse_endpoint(text);
    std::error_code ignored;
    if (e && e->kind == topology::endpoint_kind::ipc && std::filesystem::exists(e->where, ignored)) return text;
  }
  return node.listen.front();
}

struct console_key {
  std::string name;
  rt::link_keys keys;
};

/// The operator's own, by whatever name: the first of the state folder.
result<console_key> find_console_key(const std::string& state_dir) {
  std::error_code ignored;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(state_dir, ignored)) {
    const std::string name = entry.path().filename().string();
    if (topology::is_console_name(name)) names.insert(name);
  }
  if (names.empty())
    return error{errc::not_found, state_dir +
                                      ": no key of a console; `freshet keys new console-NAME` makes one, to be "
                                      "enrolled where the daemon runs"};
  FRESHET_TRY_ASSIGN(rt::link_keys keys, access::read_link_keys(access::link_key_file(state_dir, *names.begin())));
  return console_key{*names.begin(), std::move(keys)};
}

}  // namespace

result<console_target> target_of(const topology::graph& graph, const std::string& node) {
  const topology::node_spec* spec = graph.find_node(node);
  if (spec == nullptr || spec->listen.empty())
    return error{errc::not_found, graph.file + ": node " + node + ", which is to be asked, listens nowhere"};
  return console_target{nearest_endpoint(*spec), spec->public_key, graph.state_dir};
}

result<console_dial> dial(zmq::context_t& context, const rt::port_limits& limits, const console_target& target) {
  console_dial out;
  // Several of one process, and of one process number, are told apart by their lives.
  out.life = epoch(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) | 1U);
  const std::string tail = std::to_string(::getpid()) + "-" + std::to_string(out.life.value % 100'000);
  out.self = {std::string(topology::console_prefix) + tail, "console"};
  std::optional<console_key> key;
  if (port::is_tcp(target.endpoint) && !target.public_key.empty()) {
    FRESHET_TRY_ASSIGN(key, find_console_key(target.state_dir));
    out.self.node = key->name + "-" + tail;
  }
  out.socket = port::make_dealer(context, limits, port::routing_id_of(out.self.node, out.life));
  out.socket.set(zmq::sockopt::linger, 0);
  if (key) port::encrypt_as_client(out.socket, key->keys, from_hex(target.public_key).value_or(""));
  FRESHET_TRY(port::connect(out.socket, target.endpoint));
  return out;
}

}  // namespace freshet::cli
