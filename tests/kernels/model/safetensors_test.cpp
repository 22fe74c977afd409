#include "kernels/model/safetensors.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/whole_file.hpp"

#include <cstring>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::model {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr dtype all_dtypes[] = {dtype::u8,  dtype::i8,   dtype::i16, dtype::i32, dtype::i64,
                                dtype::f16, dtype::bf16, dtype::f32, dtype::f64};

fs::path safetensors_fixture(const std::string& name) { return fs::path(FRESHET_TEST_DATA) / "hf" / name; }

// A folder that is gone after the test.
class scratch {
 public:
  scratch() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = fs::path(::testing::TempDir()) / ("freshet_" + std::string(info->test_suite_name()) + "_" + info->name());
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~scratch() { fs::remove_all(path_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

void put_file(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// The format by hand: nothing of the writer under test.
std::string file_of(std::string header, std::size_t data_bytes) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  out += header;
  for (std::size_t i = 0; i < data_bytes; ++i) out += static_cast<char>(i);
  return out;
}

result<safetensors_file> parsed(const std::string& bytes) {
  return safetensors_file::from_bytes(host_tensor::of(std::vector<std::uint8_t>(bytes.begin(), bytes.end())), "f.st");
}

host_tensor random_tensor(dtype type, std::vector<std::int64_t> shape, rng& random) {
  std::vector<std::uint8_t> bytes(shape_items(shape).value() * item_bytes(type) + 1);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.below(256));
  return host_tensor::copy_of(type, std::move(shape), bytes.data());
}

std::vector<named_tensor> tensors_of(const safetensors_file& file) {
  std::vector<named_tensor> out;
  for (const auto& entry : file.tensors()) out.push_back({entry.name, file.get(entry.name).value()});
  return out;
}

TEST(safetensors_test, reads_a_file_built_by_hand) {
  const auto file =
      parsed(file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I16","shape":[2],"data_offsets":[4,8]},)"
                     R"("a":{"data_offsets":[0,4],"shape":[1,1],"dtype":"I32"}}  )",
                     8));
  ASSERT_TRUE(file.ok()) << file.err().text();
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->tensors()[0].name, "b");  // order of the header
  EXPECT_EQ(file->metadata().at("format"), "pt");
  const auto a = file->get("a");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->shape(), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(a->as<std::int32_t>()[0], 0x03020100);
  EXPECT_EQ(file->get("b")->as<std::int16_t>()[1], 0x0706);
  EXPECT_EQ(file->get("c").err().code, errc::not_found);
  EXPECT_THAT(file->get("c").err().context, HasSubstr("f.st: tensor \"c\""));
}

TEST(safetensors_test, the_original_files_read_to_their_published_numbers) {
  const auto model = safetensors_file::open(safetensors_fixture("llava_clip_llama/model.safetensors"));
  ASSERT_TRUE(model.ok()) << model.err().text();
  EXPECT_EQ(model->tensors().size(), 80u);
  std::size_t parameters = 0;
  for (const auto& entry : model->tensors()) parameters += model->get(entry.name)->items();
  EXPECT_EQ(parameters, 106928u);  // both as in the fixture's README
  const auto inputs = safetensors_file::open(safetensors_fixture("llama/inputs.safetensors"));
  ASSERT_TRUE(inputs.ok()) << inputs.err().text();
  const auto ids = inputs->get("single.input_ids");
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids->shape(), (std::vector<std::int64_t>{1, 24}));
  EXPECT_EQ(ids->as<std::int64_t>()[0], 1);  // bos
}

TEST(safetensors_test, rewriting_an_original_file_gives_its_bytes_again) {
  for (const char* name :
       {"llava_clip_llama/model.safetensors", "llava_clip_llama/inputs.safetensors", "llama/expected.safetensors"}) {
    const auto file = safetensors_file::open(safetensors_fixture(name));
    ASSERT_TRUE(file.ok()) << file.err().text();
    const auto again = encode_safetensors(tensors_of(*file), file->metadata());
    ASSERT_TRUE(again.ok()) << again.err().text();
    EXPECT_TRUE(std::string(again->begin(), again->end()) == bytes_of(safetensors_fixture(name))) << name;
  }
}

TEST(safetensors_test, random_files_round_trip) {
  rng random(7);
  const scratch folder;
  for (int round = 0; round < 60; ++round) {
    std::vector<named_tensor> written;
    const auto count = random.below(12);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::vector<std::int64_t> shape(random.below(5));                      // no dimension: a scalar
      for (auto& d : shape) d = static_cast<std::int64_t>(random.below(6));  // zeros: empty tensors
      written.push_back(
          {"t\"\xc3\xa9." + std::to_string(i), random_tensor(all_dtypes[random.below(9)], shape, random)});
    }
    const std::map<std::string, std::string> metadata{{"round", std::to_string(round)}, {"\n", "\\\""}};
    const auto path = folder / "x.safetensors";
    const auto saved = write_safetensors(path, written, metadata);
    ASSERT_TRUE(saved.ok()) << saved.err().text();
    const auto file = safetensors_file::open(path);
    ASSERT_TRUE(file.ok()) << file.err().text();
    EXPECT_EQ(file->metadata(), metadata);
    const auto read = tensors_of(*file);
    ASSERT_EQ(read.size(), written.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].name, written[i].name);
      EXPECT_EQ(read[i].tensor, written[i].tensor);
      if (!read[i].tensor.empty()) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read[i].tensor.data()) % item_bytes(read[i].tensor.type()), 0u);
      }
    }
    const auto encoded = encode_safetensors(written, metadata);
    ASSERT_TRUE(encoded.ok());
    EXPECT_EQ(std::string(encoded->begin(), encoded->end()), bytes_of(path));
  }
}

TEST(safetensors_test, the_bytes_are_fixed) {
  const std::uint8_t bytes[] = {9, 8, 7};
  const float one = 1.0F;
  const auto encoded = encode_safetensors(
      {{"b", host_tensor::copy_of(dtype::u8, {3}, bytes)}, {"a", host_tensor::copy_of(dtype::f32, {}, &one)}},
      {{"k", "v"}});
  ASSERT_TRUE(encoded.ok());
  std::string header = R"({"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},)"
                       R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";
  const std::string expected = file_of(header, 0) + std::string("\0\0\x80\x3f\x09\x08\x07", 7);
  EXPECT_EQ(std::string(encoded->begin(), encoded->end()), expected);
}

TEST(safetensors_test, what_fills_cache_lines_begins_at_one) {
  rng random(4);
  const auto encoded = encode_safetensors({{"a", random_tensor(dtype::f32, {3}, random)},
                                           {"b", random_tensor(dtype::u8, {128}, random)},
                                           {"c", random_tensor(dtype::i64, {1}, random)},
                                           {"d", random_tensor(dtype::f32, {48}, random)}},
                                          {{"alignment", "64"}});
  ASSERT_TRUE(encoded.ok());
  std::uint64_t header = 0;
  std::memcpy(&header, encoded->data(), sizeof header);
  const auto file = parsed(std::string(encoded->begin(), encoded->end()));
  ASSERT_TRUE(file.ok()) << file.err().text();
  for (const char* name : {"b", "d"}) EXPECT_EQ((8 + header + file->find(name)->begin) % 64, 0U) << name;
}

TEST(safetensors_test, a_file_of_no_tensors_is_a_file) {
  const auto encoded = encode_safetensors({});
  ASSERT_TRUE(encoded.ok());
  const auto file = parsed(std::string(encoded->begin(), encoded->end()));
  ASSERT_TRUE(file.ok()) << file.err().text();
  EXPECT_TRUE(file->tensors().empty());
}

TEST(safetensors_test, tensors_outlive_file_object_and_replaced_name) {
  const scratch folder;
  rng random(3);
  const host_tensor original = random_tensor(dtype::f32, {300, 40}, random);
  ASSERT_TRUE(write_safetensors(folder / "x.safetensors", {{"w", original}}).ok());
  host_tensor kept;
  {
    const auto file = safetensors_file::open(folder / "x.safetensors");
    ASSERT_TRUE(file.ok());
    kept = file->get("w").value();
    EXPECT_EQ(file->get("w")->data(), kept.data());  // no copy
  }
  ASSERT_TRUE(write_safetensors(folder / "x.safetensors", {{"w", random_tensor(dtype::f32, {1}, random)}}).ok());
  EXPECT_EQ(kept, original);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);  // no temporary left
}

TEST(safetensors_test, bytes_at_an_odd_address_are_read) {
  const auto encoded = encode_safetensors({{"w", host_tensor::of(std::vector<float>{1.5F, -2.0F})}});
  ASSERT_TRUE(encoded.ok());
  auto shifted = std::make_shared<std::vector<std::uint8_t>>(encoded->size() + 1);
  std::copy(encoded->begin(), encoded->end(), shifted->begin() + 1);
  const auto view = host_tensor::adopt(dtype::u8, {static_cast<std::int64_t>(encoded->size())}, shifted,
                                       shifted->data() + 1, encoded->size());
  ASSERT_TRUE(view.ok());
  const auto file = safetensors_file::from_bytes(*view, "message");
  ASSERT_TRUE(file.ok()) << file.err().text();
  EXPECT_EQ(file->get("w")->as<float>()[1], -2.0F);
}

TEST(safetensors_test, dtypes_without_counterpart_do_not_spoil_the_file) {
  const auto file = parsed(file_of(
      R"({"mask":{"dtype":"BOOL","shape":[2],"data_offsets":[4,6]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      6));
  ASSERT_TRUE(file.ok()) << file.err().text();
  EXPECT_TRUE(file->get("w").ok());
  EXPECT_EQ(file->get("mask").err().code, errc::unsupported);
  EXPECT_THAT(file->get("mask").err().context, HasSubstr("BOOL"));
}

TEST(safetensors_test, lying_headers_are_named) {
  const struct {
    const char* header;
    std::size_t data_bytes;
    errc code;
    const char* expected;
  } cases[] = {
      {"", 0, errc::corrupt, "begin with '{'"},
      {" {}", 0, errc::corrupt, "begin with '{'"},
      {"[]", 0, errc::corrupt, "begin with '{'"},
      {"{", 0, errc::corrupt, "not valid JSON"},
      {"{}x", 0, errc::corrupt, "not valid JSON"},
      {"{\"a\xff\":{}}", 0, errc::corrupt, "not valid JSON"},
      {"{}", 1, errc::corrupt, "1 bytes after the last tensor"},
      {R"({"a":3})", 0, errc::corrupt, "\"a\" must be an object, found the number 3"},
      {R"({"a":[]})", 0, errc::corrupt, "\"a\" must be an object, found a list"},
      {R"({"a":{}})", 0, errc::corrupt, "tensor \"a\": dtype is missing"},
      {R"({"a":{"dtype":"U8","data_offsets":[0,0]}})", 0, errc::corrupt, "tensor \"a\": shape is missing"},
      {R"({"a":{"dtype":"U8","shape":[0]}})", 0, errc::corrupt, "tensor \"a\": data_offsets is missing"},
      {R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}})", 1, errc::unsupported, "unknown dtype \"Q4\""},
      {R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, errc::corrupt, "dtype cannot hold the number 7"},
      {R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, errc::corrupt,
       "shape cannot hold the negative number -1"},
      {R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, errc::corrupt, "shape cannot hold the number"},
      {R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1, errc::corrupt, "shape cannot hold a list"},
      {R"({"a":{"dtype":"U8","shape":{},"data_offsets":[0,1]}})", 1, errc::corrupt, "shape cannot hold an object"},
      {R"({"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}})", 1, errc::corrupt, "shape cannot hold null"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, errc::corrupt, "data_offsets must be [begin, end]"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1, errc::corrupt,
       "data_offsets cannot hold the number 2"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, errc::corrupt, "run backwards"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1, errc::corrupt, "unknown key \"x\""},
      {R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1, errc::corrupt,
       "the key \"shape\" appears twice"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1, errc::corrupt, "the tensor \"a\" appears twice"},
      {R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})", 1, errc::too_large,
       "9223372036854775808"},
      {R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, errc::too_large,
       "overflows"},
      {R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})", 0, errc::too_large, "overflows"},
      {R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}})", 8, errc::shape_mismatch,
       "need 16 bytes, data_offsets span 8"},
      {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 8, errc::truncated,
       "ends at byte 9 of the data, the file holds 8"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})", 1,
       errc::truncated, "ends at byte"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, errc::corrupt, "tensor \"b\" overlaps \"a\""},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
       4, errc::corrupt, "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
       4, errc::corrupt, "tensor \"b\" overlaps \"a\""},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
       5, errc::corrupt, "tensor \"b\" leaves a hole before it, from byte 2 to 3"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3, errc::corrupt, "leaves a hole"},
      {R"({"aa":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}})",
       7, errc::unsupported, "tensor \"b\" is not aligned to its 4-byte items"},
      {R"({"__metadata__":{"a":1}})", 0, errc::corrupt, "metadata \"a\" must be a string"},
      {R"({"__metadata__":{"a":{}}})", 0, errc::corrupt, "metadata \"a\" must be a string"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, errc::corrupt, "the key \"a\" appears twice"},
      {R"({"__metadata__":"x"})", 0, errc::corrupt, "must be an object"},
  };
  for (const auto& c : cases) {
    const auto file = parsed(file_of(c.header, c.data_bytes));
    ASSERT_FALSE(file.ok()) << c.header;
    EXPECT_THAT(file.err().context, HasSubstr(c.expected)) << c.header;
    EXPECT_THAT(file.err().context, HasSubstr("f.st: ")) << c.header;
    EXPECT_EQ(file.err().code, c.code) << c.header << " " << file.err().text();
  }
}

TEST(safetensors_test, absurd_lengths_and_depths_cost_nothing) {
  std::string huge(16, '\xff');
  EXPECT_EQ(parsed(huge).err().code, errc::too_large);
  EXPECT_EQ(parsed(std::string("\x8\0\0\0\0\0\0\0{}", 10)).err().code, errc::truncated);
  EXPECT_EQ(parsed(file_of(R"({"a":)" + std::string(100000, '['), 0)).err().code, errc::corrupt);
  std::string many = R"({"a":{"dtype":"U8","shape":[1)";
  for (int i = 0; i < 40; ++i) many += ",1";
  EXPECT_THAT(parsed(file_of(many + R"(],"data_offsets":[0,1]}})", 1)).err().context,
              HasSubstr("more than 32 dimensions"));
  const std::string long_name(5000, 'n');
  EXPECT_LT(parsed(file_of("{\"" + long_name + "\":1}", 0)).err().context.size(), 300u);
}

TEST(safetensors_test, truncation_at_every_byte_is_an_error) {
  rng random(5);
  const auto encoded = encode_safetensors({{"a", random_tensor(dtype::f32, {3, 2}, random)},
                                           {"b", random_tensor(dtype::u8, {5}, random)},
                                           {"c", random_tensor(dtype::i64, {}, random)}},
                                          {{"k", "v"}});
  ASSERT_TRUE(encoded.ok());
  const scratch folder;
  const std::string whole(encoded->begin(), encoded->end());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto file = parsed(whole.substr(0, n));
    ASSERT_FALSE(file.ok()) << n;
    EXPECT_EQ(file.err().code, errc::truncated) << n << " " << file.err().text();
    put_file(folder / "cut.safetensors", whole.substr(0, n));
    EXPECT_FALSE(safetensors_file::open(folder / "cut.safetensors").ok()) << n;
  }
  EXPECT_TRUE(parsed(whole).ok());
}

TEST(safetensors_test, flipped_bytes_never_reach_outside_of_the_file) {
  rng random(11);
  const auto encoded = encode_safetensors(
      {{"a", random_tensor(dtype::f32, {3, 2}, random)}, {"b", random_tensor(dtype::u8, {5}, random)}});
  ASSERT_TRUE(encoded.ok());
  int accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::uint8_t> bytes = *encoded;
    for (std::uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
      bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.below(256));
    }
    const host_tensor held = host_tensor::of(bytes);
    const auto file = safetensors_file::from_bytes(held, "f.st");
    if (!file.ok()) continue;
    ++accepted;
    for (const auto& entry : file->tensors()) {
      const auto tensor = file->get(entry.name);
      if (!tensor.ok()) continue;
      EXPECT_GE(tensor->data(), held.data());
      EXPECT_LE(tensor->data() + tensor->bytes(), held.data() + held.bytes());
    }
  }
  EXPECT_GT(accepted, 0);  // flips in the data and in the names are legal
  EXPECT_LT(accepted, 5000);
}

TEST(safetensors_test, the_writer_refuses_what_the_reader_would) {
  const host_tensor t = host_tensor::of(std::vector<float>{1});
  EXPECT_THAT(encode_safetensors({{"a", t}, {"a", t}}).err().context, HasSubstr("\"a\" is given twice"));
  EXPECT_THAT(encode_safetensors({{"__metadata__", t}}).err().context, HasSubstr("reserved"));
  EXPECT_THAT(encode_safetensors({{"\xff", t}}).err().context, HasSubstr("not valid UTF-8"));
  EXPECT_EQ(encode_safetensors({{"a", t}}, {{"k", "\xc3"}}).err().code, errc::invalid_argument);
  const scratch folder;
  EXPECT_EQ(write_safetensors(folder / "no/such/folder.safetensors", {{"a", t}}).err().code, errc::not_found);
}

TEST(safetensors_test, files_that_are_none_are_errors) {
  const scratch folder;
  EXPECT_EQ(safetensors_file::open(folder / "absent").err().code, errc::not_found);
  EXPECT_EQ(safetensors_file::open(folder.path()).err().code, errc::invalid_argument);
  put_file(folder / "empty", "");
  EXPECT_EQ(safetensors_file::open(folder / "empty").err().code, errc::truncated);
}

class checkpoint_test : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_safetensors(
                    folder_ / "model-00001-of-00002.safetensors",
                    {{"a", host_tensor::of(std::vector<float>{1})}, {"extra", host_tensor::of(std::vector<float>{9})}},
                    {{"format", "pt"}})
                    .ok());
    ASSERT_TRUE(write_safetensors(folder_ / "model-00002-of-00002.safetensors",
                                  {{"b", host_tensor::of(std::vector<float>{2, 3})}})
                    .ok());
  }
  void put_index(const std::string& text) { put_file(folder_ / "model.safetensors.index.json", text); }
  std::string problem() {
    const auto opened = checkpoint::open(folder_.path());
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? "" : opened.err().context;
  }
  scratch folder_;
};

TEST_F(checkpoint_test, shards_read_as_one) {
  put_index(R"({"metadata": {"total_size": 12}, "weight_map": {"b": "model-00002-of-00002.safetensors",
                "a": "model-00001-of-00002.safetensors"}})");
  const auto opened = checkpoint::open(folder_.path());
  ASSERT_TRUE(opened.ok()) << opened.err().text();
  EXPECT_EQ(opened->names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(opened->get("b")->as<float>()[1], 3.0F);
  EXPECT_EQ(opened->get("a")->as<float>()[0], 1.0F);
  EXPECT_FALSE(opened->contains("extra"));
  EXPECT_EQ(opened->get("extra").err().code, errc::not_found);
  EXPECT_EQ(opened->metadata().at("format"), "pt");
}

TEST_F(checkpoint_test, a_single_file_goes_first) {
  put_index("garbage");
  ASSERT_TRUE(write_safetensors(folder_ / "model.safetensors", {{"z", host_tensor::of(std::vector<float>{5})},
                                                                {"y", host_tensor::of(std::vector<float>{6})}})
                  .ok());
  const auto opened = checkpoint::open(folder_.path());
  ASSERT_TRUE(opened.ok()) << opened.err().text();
  EXPECT_EQ(opened->names(), (std::vector<std::string>{"z", "y"}));
  EXPECT_EQ(opened->find("y")->shape, std::vector<std::int64_t>{1});
}

TEST_F(checkpoint_test, bad_indices_are_named) {
  EXPECT_THAT(problem(), HasSubstr("neither model.safetensors nor model.safetensors.index.json"));
  put_index("{");
  EXPECT_THAT(problem(), HasSubstr("model.safetensors.index.json: invalid JSON"));
  put_index(R"({"weight_map": {}})");
  EXPECT_THAT(problem(), HasSubstr("weight_map must be an object"));
  put_index(R"({"weight_map": {"a": "../model-00001-of-00002.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("in the same folder"));
  put_index(R"({"weight_map": {"a": 1}})");
  EXPECT_THAT(problem(), HasSubstr("weight_map[\"a\"]"));
  put_index(R"({"weight_map": {"a": "model-00002-of-00002.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("tensor \"a\" is not in its shard"));
  put_index(R"({"weight_map": {"a": "model-00003-of-00002.safetensors"}})");
  EXPECT_THAT(problem(), HasSubstr("model-00003-of-00002.safetensors: cannot open"));
}

TEST(checkpoint_fixture, a_published_folder_opens) {
  const auto opened = checkpoint::open(safetensors_fixture("llama"));
  ASSERT_TRUE(opened.ok()) << opened.err().text();
  EXPECT_EQ(opened->names().size(), 21u);
  const auto lm_head = opened->get("lm_head.weight");
  ASSERT_TRUE(lm_head.ok()) << lm_head.err().text();
  EXPECT_EQ(lm_head->shape(), (std::vector<std::int64_t>{300, 48}));
}

TEST(safetensors_test, no_header_is_written_that_could_not_be_read) {
  constexpr std::size_t limit = 100'000'000;
  EXPECT_TRUE(encode_safetensors({}, {{"text", std::string(limit / 2, 'x')}}).ok());
  const auto too_long = encode_safetensors({}, {{"text", std::string(limit, 'x')}});
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.err().code, errc::too_large);
}

}  // namespace
}  // namespace freshet::model
