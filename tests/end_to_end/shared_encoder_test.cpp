// Student and teacher with one frozen vision tower, in the whole loop: pictures travel as what the tower makes of them, 8
// bits a feature, the teacher labels them, and the student learns to say what the teacher says. Real roles, links, journal
// and disks. All weights are random, but for what the teacher's connector and decoder had learned before of two colours.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

#include "kernels/distill/learner.hpp"
#include "kernels/model/adapter_export.hpp"
#include "kernels/model/adapter_merge.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/part_names.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/scenes/image_file.hpp"
#include "tests/support/overheard.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {
namespace {

const std::string asked_of_pictures = "what color is it";

scenes::image picture_of(const std::string& color, std::uint64_t seed) {
  scenes::image out(16, 16);
  rng draw(seed);
  for (std::size_t i = 0; i < out.rgb.size(); ++i) {
    const bool bright = i % 3 == (color == "red" ? 0U : 2U);
    out.rgb[i] = static_cast<std::uint8_t>((bright ? 200 : 20) + draw.below(40));
  }
  return out;
}

/// The student of `from` with another decoder and connector, which have learned to tell red from blue.
void teach_colors(const std::filesystem::path& from, const std::filesystem::path& scratch, const std::filesystem::path& to) {
  const auto words = *model::load_tokenizer(from);
  const model::multimodal student = std::move(*model::multimodal::load(from));
  model::multimodal other = model::multimodal::random(student.config(), 2);
  for (const auto& [name, value] : student.weights().all()) {
    if (name.compare(0, model::tower_part.size(), model::tower_part) == 0) at::Tensor(other.weights().at(name)).copy_(value);
  }
  const auto untaught = scratch / "untaught";
  std::filesystem::copy(from, untaught, std::filesystem::copy_options::recursive);
  ASSERT_TRUE(other.save(untaught).ok());

  model::lora_spec spec;
  spec.rank = 8;
  spec.alpha = 16;
  spec.targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "linear_1", "linear_2"};
  spec.train_vision = false;
  model::multimodal net = std::move(*model::multimodal::load(untaught));
  ASSERT_TRUE(net.attach(spec).ok());
  const content_hash line = model::line_of(net, spec, words->frame_text());
  distill::learner_options o;
  o.learning_rate = o.final_learning_rate = 1e-2;
  o.logit_kd = 0;
  o.batch = 16;
  o.mix = {0, 0};
  distill::learner learner(std::move(net), o, 0);
  for (std::uint64_t i = 0; i < 16; ++i) {
    const std::string color = i % 2 == 0 ? "red" : "blue";
    auto s = std::make_shared<distill::labelled_sample>();
    s->patches = host_tensor::of(model::cut_patches(picture_of(color, 100 + i).rgb.data(), 16, 4), {16, 48});
    for (std::int64_t cell = 0; cell < 16; ++cell) s->positions.push_back(cell);
    s->prompt = words->question_ids(asked_of_pictures);
    s->answer = words->answer_ids(color);
    ASSERT_TRUE(learner.add(std::move(s)).has_value());
  }
  for (int i = 0; i < 200; ++i) learner.step();
  const auto exported = model::export_adapter(untaught, spec, line, learner.values(), scratch / "adapter");
  ASSERT_TRUE(exported.ok()) << exported.err().text();
  const auto merged = model::merge_adapter(untaught, scratch / "adapter", to);
  ASSERT_TRUE(merged.ok()) << merged.err().text();
}

class shared_encoder_loop : public ::testing::Test {
 protected:
  shared_encoder_loop() {
    at::set_num_threads(1);
    const auto models = folder_.path() / "models";
    std::filesystem::create_directories(models);
    std::filesystem::create_directories(folder_ / "scratch");
    std::filesystem::copy(student_.model(), models / "student", std::filesystem::copy_options::recursive);
    teach_colors(student_.model(), folder_ / "scratch", models / "teacher");
    std::string lines;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::string color = i % 2 == 0 ? "red" : "blue";
      const std::string file = color + std::to_string(i) + ".png";
      EXPECT_TRUE(scenes::write_png(folder_ / file, picture_of(color, i)).ok());
      lines += R"({"image": ")" + file + R"(", "question": ")" + asked_of_pictures + "\"}\n";
    }
    folder_.write("pictures.jsonl", lines);
  }

  topology::graph graph() {
    topology::graph g = test::one_device(folder_, "pictures.jsonl", 200);
    for (auto& role : g.roles) {
      if (auto* s = std::get_if<config::uplink_filter_settings>(&role.settings)) s->format = "features";
      if (auto* s = std::get_if<config::distiller_settings>(&role.settings)) {
        s->train_vision = false;
        s->terms.visual_qkd = 0.1;   // the teacher's tokens, of the device's features
      }
    }
    return g;
  }

  test::tiny_student student_;
  test::temporary_folder folder_;
  test::heard heard_;
};

TEST_F(shared_encoder_loop, pictures_travel_as_features_are_labelled_and_learned) {
  const content_hash tower = model::encoder_hash(*model::multimodal::load(folder_ / "models/student"));
  ASSERT_EQ(model::encoder_hash(*model::multimodal::load(folder_ / "models/teacher")), tower);
  const auto figures = test::run_until_version(graph(), 20, heard_);
  const std::lock_guard guard(heard_.lock);
  ASSERT_FALSE(heard_.labelled.empty());
  for (const auto& l : heard_.labelled) {
    EXPECT_EQ(l.batch.format, topology::token_format::features_i8);
    EXPECT_EQ(l.batch.encoder, tower);
    ASSERT_EQ(l.labels.size(), l.batch.samples.size());
    for (const auto& label : l.labels) EXPECT_TRUE(label.answer == "red" || label.answer == "blue") << label.answer;
    EXPECT_EQ(l.teacher_visual.shape().at(0), static_cast<std::int64_t>(16 * l.labels.size()));
  }
  EXPECT_EQ(nlohmann::json::parse(figures.edge.at("uplink_filter"))["bad_samples"], 0);
  EXPECT_EQ(nlohmann::json::parse(figures.cloud.at("teacher"))["refused"], 0);
  EXPECT_EQ(nlohmann::json::parse(figures.cloud.at("distiller"))["refused"], 0);
  // Share of the answers that name the color of the picture itself.
  const auto right = [&](auto first, auto last) {
    double same = 0;
    double all = 0;
    for (auto b = first; b != last; ++b) {
      const std::size_t picture = b->patches.items() / b->answers.size();
      for (std::size_t i = 0; i < b->answers.size(); ++i, ++all) {
        const std::uint8_t* pixels = b->patches.data() + i * picture;   // the first patch: its reds, its greens, its blues
        same += b->answers[i] == (pixels[0] > pixels[32] ? "red" : "blue") ? 1 : 0;
      }
    }
    return all > 0 ? same / all : 0;
  };
  const auto& all = heard_.answered;
  ASSERT_GT(all.size(), 40U);
  EXPECT_LT(right(all.begin(), all.begin() + 5), 0.6);
  EXPECT_GT(right(all.end() - 20, all.end()), 0.9);
}

}  // namespace
}  // namespace freshet::actors
