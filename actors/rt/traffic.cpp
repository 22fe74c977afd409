#include "actors/rt/traffic.hpp"

#include <nlohmann/json.hpp>

#include "actors/rt/process_figures.hpp"
#include "kernels/base/json_line.hpp"

namespace freshet::rt {

namespace {

// Names come from outside: past this many, the rest share one entry.
constexpr std::size_t most_edges = 8192;
constexpr std::size_t most_peers = 8192;

bool matches(const topology::address& pattern, const topology::address& a) {
  return (pattern.node.empty() || pattern.node == a.node) && (pattern.role.empty() || pattern.role == a.role);
}

void add(volume& v, std::uint64_t bytes, std::uint64_t messages) {
  v.messages += messages;
  v.bytes += bytes;
}

}  // namespace

peer_traffic& traffic_meter::peer_entry(const std::string& peer) {
  auto found = peers_.find(peer);
  if (found != peers_.end()) return found->second;
  const std::string name = peers_.size() < most_peers ? peer : "(others)";
  auto& entry = peers_[name];
  entry.node = name;
  return entry;
}

edge_traffic& traffic_meter::edge_entry(const topology::address& from, const topology::address& to) {
  const auto found = edges_.find(edge_view{from, to});
  if (found != edges_.end()) return found->second;
  edge_key key{from, to};
  if (edges_.size() >= most_edges) key = {topology::address{"(others)", ""}, topology::address{"(others)", ""}};
  auto& entry = edges_[key];
  entry.from = key.first;
  entry.to = key.second;
  return entry;
}

void traffic_meter::count(direction way, const std::string& peer, const topology::address& from,
                          const topology::address& to, std::uint64_t bytes, std::uint64_t messages) {
  std::lock_guard lock(mutex_);
  auto& p = peer_entry(peer);
  auto& e = edge_entry(from, to);
  add(way == direction::out ? p.out : p.in, bytes, messages);
  add(way == direction::out ? e.out : e.in, bytes, messages);
}

traffic_snapshot traffic_meter::snapshot() const {
  std::lock_guard lock(mutex_);
  traffic_snapshot s;
  s.node = node_;
  s.peers.reserve(peers_.size());
  for (const auto& [name, peer] : peers_) s.peers.push_back(peer);
  s.edges.reserve(edges_.size());
  for (const auto& [key, edge] : edges_) s.edges.push_back(edge);
  s.faults = faults_;
  return s;
}

volume traffic_snapshot::sum(direction way, const topology::address& from, const topology::address& to) const {
  volume total;
  for (const auto& edge : edges) {
    if (!matches(from, edge.from) || !matches(to, edge.to)) continue;
    const volume& v = way == direction::out ? edge.out : edge.in;
    total.messages += v.messages;
    total.bytes += v.bytes;
  }
  return total;
}

std::string traffic_snapshot::json() const {
  using nlohmann::json;
  volume out, in;
  json peer_list = json::array();
  for (const auto& p : peers) {
    out.messages += p.out.messages;
    out.bytes += p.out.bytes;
    in.messages += p.in.messages;
    in.bytes += p.in.bytes;
    peer_list.push_back({{"node", p.node},
                         {"out_messages", p.out.messages},
                         {"out_bytes", p.out.bytes},
                         {"in_messages", p.in.messages},
                         {"in_bytes", p.in.bytes},
                         {"queued_messages", p.queued_messages},
                         {"queued_bytes", p.queued_bytes},
                         {"dropped_control", p.dropped_control},
                         {"dropped_bulk", p.dropped_bulk},
                         {"unreachable", p.unreachable}});
  }
  json edge_list = json::array();
  for (const auto& e : edges)
    edge_list.push_back({{"from", e.from.text()},
                         {"to", e.to.text()},
                         {"out_messages", e.out.messages},
                         {"out_bytes", e.out.bytes},
                         {"in_messages", e.in.messages},
                         {"in_bytes", e.in.bytes}});
  const process_figures process = figures_of_this_process();
  json all{{"resident_bytes", process.resident_bytes},
           {"cpu_ms", process.cpu_ms},
           {"out_messages", out.messages},
           {"out_bytes", out.bytes},
           {"in_messages", in.messages},
           {"in_bytes", in.bytes},
           {"malformed", faults.malformed},
           {"unknown_type", faults.unknown_type},
           {"wrong_identity", faults.wrong_identity},
           {"refused_keys", faults.refused_keys},
           {"cut_off", faults.cut_off},
           {"cut_offs", faults.cut_offs},
           {"no_such_role", faults.no_such_role},
           {"mailbox_full", faults.mailbox_full},
           {"unroutable", faults.unroutable},
           {"not_encodable", faults.not_encodable},
           {"peers", std::move(peer_list)},
           {"edges", std::move(edge_list)}};
  // Names from outside may be no UTF-8: replaced, never thrown at.
  return json_line(all);
}

}  // namespace freshet::rt
