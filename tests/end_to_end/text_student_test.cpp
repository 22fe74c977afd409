// A decoder alone in the whole loop: a file of questions, answers gated and sent, labels of a text teacher, training,
// signed updates. Real roles, links, journal and disks. The student has random weights, the teacher had, before it
// learned a word for each question.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/assembly/assembly.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "kernels/delta/update.hpp"
#include "kernels/distill/learner.hpp"
#include "kernels/model/adapter_export.hpp"
#include "kernels/model/adapter_merge.hpp"
#include "kernels/model/line.hpp"
#include "tests/support/tiny_student.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using topology::address;
using topology::any_message;

/// What roles were told, under a lock: each runs in an actor of its own.
struct heard {
  std::mutex lock;
  std::map<std::uint64_t, content_hash> committed;         ///< by version, as the distiller has it
  std::map<std::uint64_t, content_hash> active;            ///< as the device has it
  std::vector<topology::observation_batch> answered;
  std::vector<topology::labelled_batch> labelled;
};

/// A role that does what it does, and what it is told is written down.
class overheard final : public role_core {
 public:
  overheard(std::unique_ptr<role_core> core, heard& by) : core_(std::move(core)), by_(by) {}
  void start(time_point now, outbox& out) override { core_->start(now, out); }
  void handle(const address& from, const any_message& m, time_point now, outbox& out) override {
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
  void tick(time_point now, outbox& out) override { core_->tick(now, out); }
  bool work(time_point now, outbox& out) override { return core_->work(now, out); }
  std::uint32_t capacity(const address& from) const override { return core_->capacity(from); }
  std::string stats_json() const override { return core_->stats_json(); }
  void stop(time_point now, outbox& out) override { core_->stop(now, out); }

 private:
  std::unique_ptr<role_core> core_;
  heard& by_;
};

const std::map<std::string, std::string> rule{{"what is it", "red"},
                                              {"is it red or blue", "blue"},
                                              {"what color is the round", "round"},
                                              {"is the shape here", "here"}};

/// A model that answers by the rule, in `to`: the one in `from` with an adapter that has learned it, merged.
void teach(const std::filesystem::path& from, const std::filesystem::path& scratch, const std::filesystem::path& to) {
  model::multimodal net = std::move(*model::multimodal::load(from));
  const auto words = *model::load_tokenizer(from);
  model::lora_spec spec;
  spec.rank = 8;
  spec.alpha = 16;
  spec.targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  ASSERT_TRUE(net.attach(spec).ok());
  const content_hash line = model::line_of(net, spec, words->frame_text());
  distill::learner_options o;
  o.learning_rate = o.final_learning_rate = 2e-2;
  o.logit_kd = 0;
  o.batch = 8;
  o.mix = {0, 0};
  distill::learner learner(std::move(net), o, 0);
  for (const auto& [question, answer] : rule) {
    auto s = std::make_shared<distill::labelled_sample>();
    s->prompt = words->question_ids(question);
    s->answer = words->answer_ids(answer);
    ASSERT_TRUE(learner.add(std::move(s)).has_value());
  }
  for (int i = 0; i < 200; ++i) learner.step();
  const auto exported = model::export_adapter(from, spec, line, learner.values(), scratch);
  ASSERT_TRUE(exported.ok()) << exported.err().text();
  const auto merged = model::merge_adapter(from, scratch, to);
  ASSERT_TRUE(merged.ok()) << merged.err().text();
}

class text_loop : public ::testing::Test {
 protected:
  text_loop() : student_(1, true), teacher_(2, true) {
    at::set_num_threads(1);
    const auto models = folder_.path() / "models";
    std::filesystem::create_directories(models);
    std::filesystem::copy(student_.model(), models / "student", std::filesystem::copy_options::recursive);
    teach(teacher_.model(), folder_ / "adapter", models / "teacher");
    std::string lines = R"({"image": "of/nothing.png", "question": "what is this"})" "\n";
    for (const auto& [q, a] : rule) lines += R"({"question": ")" + q + "\"}\n";
    folder_.write("questions.jsonl", lines);
  }

  topology::graph graph() {
    topology::embedded_options o;
    o.devices = 1;
    o.state_dir = (folder_ / "state").string();
    o.models_dir = (folder_ / "models").string();
    topology::load_options from;
    from.file = "built-in";
    topology::graph g = std::move(*topology::load_graph(topology::embedded_default(o), from));
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::device_settings>(&role.settings)) {
        s->source.from = (folder_ / "questions.jsonl").string();
        s->source.phases = {"clean"};
        s->samples_per_second = 400;
      }
      if (auto* s = std::get_if<config::uplink_filter_settings>(&role.settings)) s->flush_interval = 50ms;
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) {
        s->terms.hidden_qkd = 0.1;
        s->learning_rate = s->final_learning_rate = 2e-2;
      }
      if (auto* s = std::get_if<config::deployer_settings>(&role.settings)) s->rollout.waves = false;
    }
    return g;
  }

  /// Share of these answers that are the rule's.
  static double right(const topology::observation_batch* first, const topology::observation_batch* last) {
    double same = 0;
    double all = 0;
    for (const auto* b = first; b != last; ++b) {
      for (std::size_t i = 0; i < b->answers.size(); ++i, ++all) same += b->answers[i] == rule.at(b->questions[i]) ? 1 : 0;
    }
    return all > 0 ? same / all : 0;
  }

  test::tiny_student student_, teacher_;
  test::temporary_folder folder_;
  heard heard_;
};

TEST_F(text_loop, questions_of_text_are_labelled_learned_and_come_back_as_versions) {
  rt::system engine;
  port::zmq_transport links;
  assembly_options o;
  o.artefact_keys = std::make_shared<const access::artefact_keys>(access::artefact_keys::draw());
  assembly parts(graph(), o);
  std::vector<std::unique_ptr<rt::node>> nodes;
  for (const char* name : {"cloud", "edge-1"}) {
    auto made = parts.node(name);
    ASSERT_TRUE(made.ok()) << made.err().text();
    for (auto& role : made->roles) {
      role.factory = [make = role.factory, this] { return std::make_unique<overheard>(make(), heard_); };
    }
    auto started = rt::node::start(engine, links, std::move(*made));
    ASSERT_TRUE(started.ok()) << started.err().text();
    nodes.push_back(std::move(*started));
  }
  constexpr std::uint64_t versions = 20;
  std::uint64_t newest = 0;
  for (const auto end = std::chrono::steady_clock::now() + 300s; newest < versions && std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(50ms);
    const std::lock_guard guard(heard_.lock);
    if (!heard_.active.empty()) newest = heard_.active.rbegin()->first;
  }
  const auto figures = nodes[1]->figures(5s);
  const auto of_cloud = nodes[0]->figures(5s);
  for (auto n = nodes.rbegin(); n != nodes.rend(); ++n) (*n)->stop(5s);

  const std::lock_guard guard(heard_.lock);
  EXPECT_GE(newest, versions);
  for (const auto& [number, hash] : heard_.active) {
    ASSERT_EQ(heard_.committed.count(number), 1U) << number;
    EXPECT_EQ(hash, heard_.committed[number]) << "the device has the mirror's bits, version " << number;
  }
  // Nothing but texts travelled, and the line with a picture was counted.
  ASSERT_FALSE(heard_.labelled.empty());
  for (const auto& l : heard_.labelled) {
    EXPECT_EQ(l.batch.tokens_per_sample, 0U);
    EXPECT_TRUE(l.batch.payload.empty());
    ASSERT_EQ(l.labels.size(), l.batch.samples.size());
    for (std::size_t i = 0; i < l.labels.size(); ++i) EXPECT_EQ(l.labels[i].answer, rule.at(l.batch.samples[i].question));
  }
  const auto device = nlohmann::json::parse(figures.at("device"));
  EXPECT_GT(device["skipped"], 0) << device.dump();
  EXPECT_NE(device["skipped_kinds"].get<std::string>().find(" unread_picture"), std::string::npos) << device.dump();
  EXPECT_EQ(nlohmann::json::parse(figures.at("uplink_filter"))["bad_samples"], 0);
  EXPECT_EQ(nlohmann::json::parse(of_cloud.at("teacher"))["refused"], 0);
  EXPECT_EQ(nlohmann::json::parse(of_cloud.at("distiller"))["refused"], 0);
  // The student says what it was taught.
  const auto& all = heard_.answered;
  ASSERT_GT(all.size(), 20U);
  EXPECT_LT(right(all.data(), all.data() + 5), 0.3);
  EXPECT_GT(right(all.data() + all.size() - 5, all.data() + all.size()), 0.6);
}

}  // namespace
}  // namespace freshet::actors
