// The whole engine on the shipped models: actors, ZeroMQ links, labels, training, artefacts, swaps.
// The world changes, the student gets worse, and comes back by itself.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/system.hpp"
#include "kernels/model/multimodal.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tools/freshet/bench/adapt_run.hpp"

namespace freshet::cli {
namespace {

class adapt : public ::testing::Test {
 protected:
  adapt() {
    at::set_num_threads(1);
    plan_.teacher = FRESHET_SOURCE_DIR "/models/scenes/teacher";
    plan_.student = FRESHET_SOURCE_DIR "/models/scenes/student";
    plan_.phases = {"clean", "noise"};
    plan_.devices = 2;
    plan_.samples_per_phase = 224;
    plan_.samples_per_tick = 32;
  }
  result<adapt_outcome> run(const char* policy_name) {
    const auto found = find_policy(policy_name);
    EXPECT_TRUE(found.ok());
    rt::system engine;
    port::zmq_transport links;
    return run_policy(plan_, *found, 7, engine, links, {}, stop_);
  }
  /// Every stage that did something took time, and what they did adds up to what happened.
  void expect_times(const adapt_outcome& o) const {
    std::map<std::string, stage_time> of;
    for (const stage_time& s : o.stages) {
      of[s.stage] = s;
      EXPECT_EQ(s.things > 0, s.seconds > 0) << s.stage;
      EXPECT_LE(s.longest, s.seconds) << s.stage;
    }
    EXPECT_EQ(of["answer"].things, o.samples);
    EXPECT_EQ(of["score"].things, o.samples);
    EXPECT_EQ(of["label"].things, of["encode"].things) << "what is sent is labelled once";
    EXPECT_GE(of["label"].things, o.trained) << "some labels are too unsure to be learned";
    for (const char* once : {"compress", "mirror", "sign"}) EXPECT_EQ(of[once].things, o.refreshes) << once;
    EXPECT_EQ(of["step"].things, o.refreshes * 12) << "steps_per_refresh";
    EXPECT_EQ(of["decode"].things, o.refreshes * plan_.devices);
    EXPECT_EQ(of["transfer"].things, of["decode"].things);
    EXPECT_EQ(of["admit"].things, of["decode"].things);
    EXPECT_GT(o.peak_resident_bytes, 0U);
  }
  adapt_plan plan_;
  std::atomic<bool> stop_{false};
};

TEST_F(adapt, beats_the_frozen_student_on_a_fraction_of_the_bytes) {
  const auto frozen = run("frozen");
  ASSERT_TRUE(frozen.ok()) << frozen.err().text();
  const auto freshet = run("freshet");
  ASSERT_TRUE(freshet.ok()) << freshet.err().text();

  EXPECT_EQ(frozen->refreshes, 0U);
  EXPECT_EQ(frozen->downlink_bytes, 0U);
  EXPECT_GT(freshet->refreshes, 3U);
  EXPECT_EQ(freshet->stragglers, 0U);
  EXPECT_EQ(freshet->samples, frozen->samples);
  // The student is shipped good at clean scenes and bad at noisy ones; 448 samples a phase.
  EXPECT_GT(frozen->phases[0].accuracy(), 0.80);
  EXPECT_LT(frozen->phases[1].accuracy(), frozen->phases[0].accuracy() - 0.10);
  EXPECT_GT(freshet->phases[1].accuracy(), frozen->phases[1].accuracy() + 0.02);
  // Uplink: a quarter of PNG at most. Downlink: a tenth of the fp16 adapter a refresh and device.
  EXPECT_LT(static_cast<double>(freshet->uplink_bytes) / static_cast<double>(freshet->samples),
            0.25 * freshet->png_bytes_per_sample);
  EXPECT_LT(static_cast<double>(freshet->downlink_bytes),
            0.1 * 2.0 * static_cast<double>(freshet->adapter_values * freshet->refreshes * plan_.devices));
  expect_times(*frozen);
  expect_times(*freshet);
}

/// A checkpoint as others publish them: SigLIP and Qwen2 with random weights, a tokenizer.json, ChatML.
void make_checkpoint(const std::filesystem::path& folder, int image_size, std::uint64_t seed) {
  const std::filesystem::path data = std::filesystem::path(FRESHET_TEST_DATA) / "hf";
  std::filesystem::create_directories(folder);
  std::ifstream file(data / "llava_siglip_qwen2" / "config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  config["text_config"]["vocab_size"] = 1024;
  config["vision_config"]["image_size"] = image_size;
  const auto parsed = model::parse_model_config(config.dump(), "config.json");
  ASSERT_TRUE(parsed.ok()) << parsed.err().text();
  ASSERT_TRUE(model::multimodal::random(*parsed, seed).save(folder).ok());
  std::filesystem::copy_file(data / "tokenizers" / "tiny_qwen2" / "tokenizer.json", folder / "tokenizer.json");
  std::ofstream(folder / "tokenizer_config.json") << R"({"eos_token": "<|im_end|>"})";
}

TEST_F(adapt, takes_any_pair_of_checkpoints_also_of_different_grids) {
  const test::temporary_folder folder;
  make_checkpoint(folder.path() / "student", 32, 1);
  make_checkpoint(folder.path() / "teacher", 48, 2);
  std::filesystem::copy_file(std::filesystem::path(FRESHET_TEST_DATA) / "hf" / "preprocess" / "siglip" / "preprocessor_config.json",
                             folder.path() / "student" / "preprocessor_config.json");
  plan_.teacher = (folder.path() / "teacher").string();
  plan_.student = (folder.path() / "student").string();
  plan_.phases = {"noise"};
  plan_.samples_per_phase = 64;
  plan_.extra_toml = "[distiller.terms]\nconfidence_floor = 0.0\n";   // a teacher of random weights doubts all it says
  const auto got = run("freshet");
  ASSERT_TRUE(got.ok()) << got.err().text();
  EXPECT_GT(got->trained, 0U) << "the teacher's labels reach the student, whose words and cells are others";
  EXPECT_GT(got->refreshes, 0U);
  EXPECT_EQ(got->stragglers, 0U) << "every device arrives at the mirror's bits";
}

TEST_F(adapt, the_same_seed_gives_the_same_run) {
  plan_.phases = {"noise"};
  plan_.samples_per_phase = 64;
  const auto first = run("freshet");
  ASSERT_TRUE(first.ok()) << first.err().text();
  const auto second = run("freshet");
  ASSERT_TRUE(second.ok()) << second.err().text();
  EXPECT_EQ(first->curve, second->curve);
  EXPECT_EQ(first->trained, second->trained);
  EXPECT_EQ(first->refreshes, second->refreshes);
  EXPECT_GT(first->refreshes, 0U);
}

}  // namespace
}  // namespace freshet::cli
