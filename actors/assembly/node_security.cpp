#include "actors/assembly/node_security.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "actors/access/access_list.hpp"
#include "actors/access/access_watch.hpp"
#include "actors/access/key_file.hpp"
#include "kernels/base/hex.hpp"
#include "topology/graph/endpoint.hpp"

namespace freshet::actors {

namespace {

bool is_tcp(const std::string& endpoint) {
  const auto parsed = topology::parse_endpoint(endpoint);
  return parsed && parsed->kind == topology::endpoint_kind::tcp;
}

result<rt::link_keys> own_keys(const topology::graph& g, const topology::node_spec& node) {
  const auto file = access::link_key_file(g.state_dir, node.name);
  auto keys = access::read_link_keys(file);
  if (!keys && keys.err().code == errc::not_found) {
    return error{errc::not_found, file.string() + ", the key of node " + node.name + "; `freshet keys new " + node.name +
                                      " --state " + g.state_dir + "` makes it"};
  }
  if (keys && !node.public_key.empty() && to_hex(keys->public_key) != node.public_key) {
    return error{errc::invalid_argument, g.file + " says that node " + node.name + " has the public key " +
                                             node.public_key + ", and " + file.string() + " holds " +
                                             to_hex(keys->public_key)};
  }
  return keys;
}

}  // namespace

std::shared_ptr<rt::residents> residents_of(const topology::graph& g) {
  rt::residents::town all;
  std::set<topology::address> open;
  for (const auto& node : g.nodes) all[node.name];
  for (const auto& role : g.roles) {
    auto& home = all[role.node];
    home.roles.insert(role.name);
    if (role.kind() == topology::role_kind::device) home.devices.insert(role.device);
    if (role.kind() == topology::role_kind::stats) open.insert(role.where());
  }
  return std::make_shared<rt::residents>(std::move(all), std::move(open));
}

result<rt::link_security> security_of(const topology::graph& g, const topology::node_spec& node,
                                      const std::map<std::string, std::string>& peers,
                                      std::shared_ptr<spdlog::logger> log) {
  rt::link_security out;
  out.known = residents_of(g);
  for (const auto& [name, endpoint] : peers) {
    const topology::node_spec* other = g.find_node(name);
    if (other == nullptr || other->public_key.empty() || !is_tcp(endpoint)) continue;
    out.servers[name] = from_hex(other->public_key).value_or("");
  }
  const bool lets_in = !node.public_key.empty() && std::any_of(node.listen.begin(), node.listen.end(), is_tcp);
  if (!lets_in && out.servers.empty()) return out;
  FRESHET_TRY_ASSIGN(out.own, own_keys(g, node));
  if (lets_in) {
    FRESHET_TRY_ASSIGN(out.allowed,
                       access::access_watch::open(access::access_file(g.state_dir, node.name), std::move(log)));
  }
  return out;
}

}  // namespace freshet::actors
