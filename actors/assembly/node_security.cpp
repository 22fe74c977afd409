#include "actors/assembly/node_security.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "actors/access/access_list.hpp"
#include "actors/access/access_watch.hpp"
#include "actors/access/key_file.hpp"
#include "kernels/base/hex.hpp"
#include "topology/graph/endpoint.hpp"
#include "topology/graph/plan.hpp"

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

rt::residents::town town_of(const topology::graph& g) {
  rt::residents::town all;
  for (const auto& node : g.nodes) all[node.name].roles.insert(topology::agent_role);
  for (const auto& role : g.roles) {
    auto& home = all[role.node];
    home.roles.insert(role.name);
    if (role.kind() == topology::role_kind::device) home.devices.insert(role.device);
  }
  all[topology::control_node(g)].roles.insert(topology::control_role);
  return all;
}

std::set<topology::address> open_to_consoles(const topology::graph& g) {
  std::set<topology::address> open{{topology::control_node(g), topology::control_role}};
  for (const auto kind : {topology::role_kind::stats, topology::role_kind::deployer})
    for (const auto* role : g.roles_of(kind)) open.insert(role->where());
  return open;
}

std::string server_key_of(const topology::graph& g, const std::string& peer, const std::string& endpoint) {
  const topology::node_spec* other = g.find_node(peer);
  if (other == nullptr || other->public_key.empty() || !is_tcp(endpoint)) return "";
  return from_hex(other->public_key).value_or("");
}

result<rt::link_security> security_of(const topology::graph& g, const topology::node_spec& node,
                                      const std::map<std::string, std::string>& peers,
                                      std::shared_ptr<spdlog::logger> log) {
  rt::link_security out;
  out.known = std::make_shared<rt::residents>(town_of(g), open_to_consoles(g));
  for (const auto& [name, endpoint] : peers) {
    if (std::string key = server_key_of(g, name, endpoint); !key.empty()) out.servers[name] = std::move(key);
  }
  const bool lets_in = !node.public_key.empty() && std::any_of(node.listen.begin(), node.listen.end(), is_tcp);
  if (!lets_in && out.servers.empty()) {
    // A later topology may have it connect to someone who needs to see a key.
    if (auto keys = own_keys(g, node); keys.ok()) out.own = std::move(keys).value();
    return out;
  }
  FRESHET_TRY_ASSIGN(out.own, own_keys(g, node));
  if (lets_in) {
    FRESHET_TRY_ASSIGN(out.allowed,
                       access::access_watch::open(access::access_file(g.state_dir, node.name), std::move(log)));
  }
  return out;
}

}  // namespace freshet::actors
