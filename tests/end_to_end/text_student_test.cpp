// A decoder alone in the whole loop: a file of questions, answers gated and sent, labels of a text teacher, training,
// signed updates. Real roles, links, journal and disks. The student has random weights, the teacher had, before it
// learned a word for each question.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

#include "kernels/distill/learner.hpp"
#include "kernels/model/adapter_export.hpp"
#include "kernels/model/adapter_merge.hpp"
#include "kernels/model/line.hpp"
#include "tests/support/overheard.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace {

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
    topology::graph g = test::one_device(folder_, "questions.jsonl", 400);
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) s->terms.hidden_qkd = 0.1;
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
  test::heard heard_;
};

TEST_F(text_loop, questions_of_text_are_labelled_learned_and_come_back_as_versions) {
  const auto figures = test::run_until_version(graph(), 20, heard_);
  const std::lock_guard guard(heard_.lock);
  // Nothing but texts travelled, and the line with a picture was counted.
  ASSERT_FALSE(heard_.labelled.empty());
  for (const auto& l : heard_.labelled) {
    EXPECT_EQ(l.batch.tokens_per_sample, 0U);
    EXPECT_TRUE(l.batch.payload.empty());
    ASSERT_EQ(l.labels.size(), l.batch.samples.size());
    for (std::size_t i = 0; i < l.labels.size(); ++i) EXPECT_EQ(l.labels[i].answer, rule.at(l.batch.samples[i].question));
  }
  const auto device = nlohmann::json::parse(figures.edge.at("device"));
  EXPECT_GT(device["skipped"], 0) << device.dump();
  EXPECT_NE(device["skipped_kinds"].get<std::string>().find(" unread_picture"), std::string::npos) << device.dump();
  EXPECT_EQ(nlohmann::json::parse(figures.edge.at("uplink_filter"))["bad_samples"], 0);
  EXPECT_EQ(nlohmann::json::parse(figures.cloud.at("teacher"))["refused"], 0);
  EXPECT_EQ(nlohmann::json::parse(figures.cloud.at("distiller"))["refused"], 0);
  // The student says what it was taught.
  const auto& all = heard_.answered;
  ASSERT_GT(all.size(), 20U);
  EXPECT_LT(right(all.data(), all.data() + 5), 0.3);
  EXPECT_GT(right(all.data() + all.size() - 5, all.data() + all.size()), 0.6);
}

}  // namespace
}  // namespace freshet::actors
