// The built-in default with one device in this process, over real links and disks, while everything that roles are told is
// written down.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "actors/assembly/assembly.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/role.hpp"
#include "actors/rt/system.hpp"
#include "kernels/delta/update.hpp"
#include "tests/support/temporary_folder.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::test {

/// What roles were told, under a lock: each runs in an actor of its own.
struct heard {
  std::mutex lock;
  std::map<std::uint64_t, content_hash> committed;         ///< by version, as the distiller has it
  std::map<std::uint64_t, content_hash> active;            ///< as the device has it
  std::vector<topology::observation_batch> answered;
  std::vector<topology::labelled_batch> labelled;
};

/// A role that does what it does, and what it is told is written down.
class overheard final : public actors::role_core {
 public:
  overheard(std::unique_ptr<role_core> core, heard& by) : core_(std::move(core)), by_(by) {}
  void start(time_point now, actors::outbox& out) override { core_->start(now, out); }
  void handle(const topology::address& from, const topology::any_message& m, time_point now, actors::outbox& out) override {
    {
      const std::lock_guard guard(by_.lock);
      if (const auto* v = std::get_if<topology::version_committed>(&m)) {
        EXPECT_EQ(v->result, delta::hash_values(v->values.as<float>(), v->values.items()));
        by_.committed[v->next.value] = v->result;
      }
      if (const auto* r = std::get_if<topology::device_report>(&m)) by_.active[r->active.value] = r->active_hash;
      if (const auto* o = std::get_if<topology::observation_batch>(&m)) by_.answered.push_back(*o);
      if (const auto* l = std::get_if<topology::labelled_batch>(&m)) by_.labelled.push_back(*l);
    }
    core_->handle(from, m, now, out);
  }
  void tick(time_point now, actors::outbox& out) override { core_->tick(now, out); }
  bool work(time_point now, actors::outbox& out) override { return core_->work(now, out); }
  [[nodiscard]] std::uint32_t capacity(const topology::address& from) const override { return core_->capacity(from); }
  [[nodiscard]] std::string stats_json() const override { return core_->stats_json(); }
  void stop(time_point now, actors::outbox& out) override { core_->stop(now, out); }

 private:
  std::unique_ptr<role_core> core_;
  heard& by_;
};

/// The built-in default with one device whose stream is the file `asked`: models below `folder`/models, state below
/// `folder`/state, learning fast enough for a test, versions to the device at once.
inline topology::graph one_device(const temporary_folder& folder, const std::string& asked, double samples_per_second) {
  topology::embedded_options o;
  o.devices = 1;
  o.state_dir = (folder / "state").string();
  o.models_dir = (folder / "models").string();
  topology::load_options from;
  from.file = "built-in";
  topology::graph g = std::move(*topology::load_graph(topology::embedded_default(o), from));
  for (auto& role : g.roles) {
    if (auto* s = std::get_if<config::device_settings>(&role.settings)) {
      s->source.from = (folder / asked).string();
      s->source.phases = {"clean"};
      s->samples_per_second = samples_per_second;
    }
    if (auto* s = std::get_if<config::uplink_filter_settings>(&role.settings)) s->flush_interval = std::chrono::milliseconds(50);
    if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) s->learning_rate = s->final_learning_rate = 2e-2;
    if (auto* s = std::get_if<config::deployer_settings>(&role.settings)) s->rollout.waves = false;
  }
  return g;
}

/// The last figures of all roles, as JSON, by name: those of the cloud and of the device's node.
struct loop_figures {
  std::map<std::string, std::string> cloud, edge;
};

/// Runs cloud and edge-1 of `graph` until the device has so many versions, or five minutes have passed. Every version of
/// the device has the bits of the distiller's.
inline loop_figures run_until_version(topology::graph graph, std::uint64_t versions, heard& by) {
  using namespace std::chrono_literals;
  loop_figures out;
  rt::system engine;
  port::zmq_transport links;
  actors::assembly_options o;
  o.artefact_keys = std::make_shared<const access::artefact_keys>(access::artefact_keys::draw());
  actors::assembly parts(std::move(graph), o);
  std::vector<std::unique_ptr<rt::node>> nodes;
  for (const char* name : {"cloud", "edge-1"}) {
    auto made = parts.node(name);
    EXPECT_TRUE(made.ok()) << made.err().text();
    if (!made.ok()) return out;
    for (auto& role : made->roles) {
      role.factory = [make = role.factory, &by] { return std::make_unique<overheard>(make(), by); };
    }
    auto started = rt::node::start(engine, links, std::move(*made));
    EXPECT_TRUE(started.ok()) << started.err().text();
    if (!started.ok()) return out;
    nodes.push_back(std::move(*started));
  }
  std::uint64_t newest = 0;
  for (const auto end = std::chrono::steady_clock::now() + 300s; newest < versions && std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(50ms);
    const std::lock_guard guard(by.lock);
    if (!by.active.empty()) newest = by.active.rbegin()->first;
  }
  out.edge = nodes[1]->figures(5s);
  out.cloud = nodes[0]->figures(5s);
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) (*n)->stop(5s);

  const std::lock_guard guard(by.lock);
  EXPECT_GE(newest, versions);
  for (const auto& [number, hash] : by.active) {
    EXPECT_EQ(by.committed.count(number), 1U) << number;
    EXPECT_EQ(hash, by.committed[number]) << "the device has the mirror's bits, version " << number;
  }
  return out;
}

}  // namespace freshet::test
