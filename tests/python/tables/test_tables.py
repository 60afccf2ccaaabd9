"""Tables in files, and errors that name line and column."""

import gzip
import sys

import numpy as np
import pytest
from sparsevae import ColumnBlocks, VaeSlr
from sparsevae.exceptions import DataTypeError, DataUnavailableError, NonFiniteError, ParameterError, ShapeError
from sparsevae.tables import read_table

ROWS = 'id;"gene, one";gene_2;rate\n1;0.5;2;3\n\n2;-1e-1;4;5\n3;.5;7;9\n'
X = np.array([[0.5, 2], [-0.1, 4], [0.5, 7]])
Y = [3.0, 5.0, 9.0]


def written(path, text):
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.txt.gz", "\t")])
def test_text_is_read_by_any_delimiter(name, delimiter, tmp_path):
    table = read_table(written(tmp_path / name, ROWS.replace(";", delimiter)), "rate", exclude=["id"])
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.y, Y)
    assert table.feature_names == ["gene, one", "gene_2"]
    assert table.response == "rate"


R_ROWS = '"gene, one" "gene_2" "rate"\n"1" 0.5 2 3\n"the ""second""" -1e-1 4 5\n"3" .5 7 9\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", R_ROWS),
        ("a.csv", R_ROWS.replace(" ", "   ").replace("gene,   one", "gene, one") + "\n \t\n"),
        ("a.tsv", R_ROWS.replace(" ", "\t").replace("gene,\tone", "gene, one").replace("the\t", "the ")),
        ("a.csv", R_ROWS.replace(" ", ",").replace("gene,,one", "gene, one").replace("the,", "the ")),
        ("a.txt", ROWS.replace(";", "  ")),
    ],
)
def test_tables_of_r_are_read_with_names_of_rows_and_white_space(name, text, tmp_path):
    table = read_table(written(tmp_path / name, text), "rate", exclude=["id"] if "id" in text else [])
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.y, Y)
    assert table.feature_names == ["gene, one", "gene_2"]


@pytest.mark.parametrize("options", [{}, {"index": False}, {"sep": " "}, {"sep": " ", "index": False}])
def test_numbers_that_pandas_writes_for_names_are_no_sample(options, tmp_path):
    values = np.column_stack([X, Y])
    pytest.importorskip("pandas").DataFrame(values).to_csv(tmp_path / "a.csv", **options)
    table = read_table(tmp_path / "a.csv", "2")
    np.testing.assert_array_equal(table.X, X)
    assert (table.response, table.feature_names) == ("2", ["0", "1"])
    np.testing.assert_array_equal(read_table(written(tmp_path / "b.csv", "0,1\n2,3\n")).X, [[0, 1], [2, 3]])


def test_what_numpy_writes_is_read(tmp_path):
    np.savetxt(tmp_path / "a.txt", np.column_stack([X, Y]))
    table = read_table(tmp_path / "a.txt", -1)
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.y, Y)


def test_spaces_in_the_name_of_a_single_column_part_no_fields(tmp_path):
    table = read_table(written(tmp_path / "a.csv", "growth rate\n1\n2\n"))
    np.testing.assert_array_equal(table.X, [[1], [2]])
    assert table.feature_names == ["growth rate"]


@pytest.mark.parametrize(
    "text",
    [
        ROWS.replace(".", ","),
        ROWS[ROWS.index("\n") + 1 :].replace(".", ","),
        ROWS.replace(".", ",").replace('"gene, one"', "gene").replace(";", "\t"),
        ROWS.replace(".", ",").replace('"gene, one"', "gene").replace(";", " "),
        'id,gene,gene_2,rate\n1,"0,5",2,3\n2,"-1e-1",4,5\n3,",5",7,9\n',
    ],
)
def test_decimal_commas_are_read_where_they_are_asked_for(text, tmp_path):
    table = read_table(written(tmp_path / "a.csv", text), -1, exclude=[0], decimal=",")
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.y, Y)
    with pytest.raises(DataTypeError, match=r"a.csv, line \d, column .*,.* is not a number; `decimal` \",\" reads"):
        read_table(tmp_path / "a.csv", -1, exclude=[0])


def test_a_mark_at_the_start_and_spaces_around_names_are_no_part_of_them(tmp_path):
    table = read_table(written(tmp_path / "a.csv", "\ufeffa, b\n1, 2\n"), "a")
    assert (table.response, table.feature_names) == ("a", ["b"])


def test_names_of_rows_are_no_column(tmp_path):
    frame = pytest.importorskip("pandas").DataFrame({"a": [1.0, 3.0], "y": [2.0, 5.0]}, index=["first", "second"])
    frame.to_csv(tmp_path / "frame.csv")
    table = read_table(tmp_path / "frame.csv", "y")
    assert table.feature_names == ["a"]
    np.testing.assert_array_equal(table.X, [[1.0], [3.0]])
    (tmp_path / "response.csv").write_text(",a\n1,2\n3,4\n", encoding="utf-8")
    for number in (0, "0"):
        np.testing.assert_array_equal(read_table(tmp_path / "response.csv", number).y, [1.0, 3.0])
    (tmp_path / "numbers.csv").write_text(",0,1\n5,1,2\n6,3,4\n", encoding="utf-8")
    table = read_table(tmp_path / "numbers.csv", "0")
    assert (table.y.tolist(), table.feature_names) == ([1.0, 3.0], ["1"])


def test_columns_without_names_have_numbers(tmp_path):
    table = read_table(written(tmp_path / "a.csv", "1,2,3\n4,5,6\n"), -1, exclude=["0"])
    np.testing.assert_array_equal(table.X, [[2], [5]])
    assert (table.feature_names, table.response) == (["1"], "2")


def test_missing_numbers_become_the_mean_of_their_column_where_asked_for(tmp_path):
    path = written(tmp_path / "a.csv", "a,b\n1,2\nNA,3\n5,\n")
    np.testing.assert_array_equal(read_table(path, missing="mean").X, [[1, 2], [3, 3], [5, 2.5]])
    with pytest.raises(NonFiniteError, match=r'a.csv, line 4, column "b": the response is missing'):
        read_table(path, "b", missing="mean")
    with pytest.raises(ParameterError, match="no value in column 1"):
        read_table(written(tmp_path / "b.csv", "a,b\n1,\n2,?\n"), missing="mean")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b\n1,2\n3,x y\n", DataTypeError, r'a.csv, line 3, column "b": \'x y\' is not a number'),
        ('a,b\n"1\n",2\n3,x\n', DataTypeError, r'a.csv, line 4, column "b": \'x\' is not a number'),
        ("a,b\n1,2\n\n3,n/a\n", NonFiniteError, r'a.csv, line 4, column "b": the number is missing'),
        ("a,b\n1,inf\n", NonFiniteError, r'a.csv, line 2, column "b": the number is infinite'),
        ("a,b\n1,2\n3\n", ShapeError, "a.csv, line 3: 1 fields, but 2 are needed"),
        ("a,b\n1,2\n3,1_000\n", DataTypeError, r"line 3, column \"b\": '1_000' is not a number; `exclude` leaves"),
        ('a,b\n1,"1,000"\n', DataTypeError, "line 2, column \"b\": '1,000' is not a number; .* thousands nothing"),
        ("a\n1,5\n2,5\n", DataTypeError, "line 2, column \"a\": '1,5' is not a number; `decimal`"),
        ("a,b\n1,2,3\n", ShapeError, "a.csv, line 2: 3 fields, but 2 are needed"),
        ("a,b\nx,2,\n", ShapeError, "a.csv, line 2: 3 fields, but 2 are needed"),
        ("a b\n1 2\n3 4 5\n", ShapeError, "a.csv, line 3: 3 fields, but 2 are needed"),
        ("a,b\n", ShapeError, "a.csv has names of columns, but no numbers"),
        ("\n \n", ShapeError, "a.csv is empty"),
        (",,\n,,\n", ShapeError, "a.csv is empty"),
    ],
)
def test_what_is_wrong_in_a_line_is_an_error_that_names_it(text, error, message, tmp_path):
    with pytest.raises(error, match=message):
        read_table(written(tmp_path / "a.csv", text))


def test_with_decimal_commas_a_point_is_no_decimal_point(tmp_path):
    path = written(tmp_path / "a.csv", "a;b\n1,5;2\n2;1.234\n")
    with pytest.raises(DataTypeError, match=r"line 3, column \"b\": '1.234' is not a number; `decimal` .* no decimal"):
        read_table(path, decimal=",")
    with pytest.raises(ParameterError, match="`decimal` is ';'"):
        read_table(path, decimal=";")


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-20])
    with pytest.raises(DataTypeError, match=r"a.csv.gz cannot be read"):
        read_table(tmp_path / "a.csv.gz")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_the_line_that_is_not_utf8_is_named(encoding, tmp_path):
    for name, write in (("a.csv", bytes), ("a.csv.gz", gzip.compress)):
        (tmp_path / name).write_bytes(write("a,b\n1,2\nMüller,3\n".encode(encoding)))
        line = {"latin-1": 3, "utf-16": 1}[encoding]
        with pytest.raises(DataTypeError, match=f"{name}, line {line}: the byte 0xf[cf] is not UTF-8; save the file"):
            read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"response": "rates"}, "`response` is 'rates', but .* has no column of this name: did you mean 'rate'"),
        ({"response": "zz"}, "`response` is 'zz', but .* has no column of this name$"),
        ({"response": 4}, "`response` is 4, but the columns of .* have numbers from 0 to 3"),
        ({"response": "rate", "exclude": ["rate"]}, "`exclude` has the response, 'rate'"),
        ({"response": "rate", "exclude": ["gene3"]}, "`exclude` is 'gene3', .* did you mean 'gene_2'"),
        ({"missing": "zero"}, "`missing` is 'zero'"),
    ],
)
def test_columns_that_are_not_there_are_refused_with_those_that_are_near(arguments, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        read_table(written(tmp_path / "a.csv", ROWS), **arguments)


def test_columns_of_the_same_name_are_refused_unless_all_but_one_are_left_out(tmp_path):
    path = written(tmp_path / "a.csv", "a,b,a,,y,\n1,2,3,4,5,6\n")
    with pytest.raises(ParameterError, match=r"columns of the same name: 'a' \(0, 2\); no name \(3, 5\); name them"):
        read_table(path, "y")
    with pytest.raises(ParameterError, match=r"`response` is 'a', but .* has 2 columns of this name: give a number"):
        read_table(path, "a")
    table = read_table(path, 2, exclude=[0, 3])
    assert (table.response, table.feature_names) == ("a", ["b", "y", ""])
    many = ",".join(f"{i},{i}" for i in "abcdefgh")
    with pytest.raises(ParameterError, match=r"'e' \(8, 9\); and 3 more; name"):
        read_table(written(path, f"{many}\n{'1,' * 15}1\n"))
    np.savez(tmp_path / "a.npz", X=X, feature_names=["a", "a"])
    with pytest.raises(ParameterError, match=r"a.npz has several columns of the same name: 'a' \(0, 1\)"):
        read_table(tmp_path / "a.npz")


def test_a_design_needs_a_column_and_a_file_a_known_name(tmp_path):
    with pytest.raises(ShapeError, match="has 1 columns, of which none is left for the design"):
        read_table(written(tmp_path / "a.csv", "y\n1\n"), "y")
    with pytest.raises(ParameterError, match=r"its name must end in one of .csv"):
        read_table("a.xlsx")
    with pytest.raises(FileNotFoundError, match=r"there is no file 'absent.csv'"):
        read_table("absent.csv")


def test_a_response_may_be_a_file_of_its_own(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", np.array(Y))
    text = written(tmp_path / "y.csv", "rate\n3\n5\n9\n")
    for path in (tmp_path / "y.npy", str(text)):
        table = read_table(tmp_path / "X.npy", path)
        np.testing.assert_array_equal(table.X, X)
        np.testing.assert_array_equal(table.y, Y)
    assert table.response == "y.csv"
    with pytest.raises(ShapeError, match="2 columns, but a file with the response must have one"):
        read_table(tmp_path / "X.npy", tmp_path / "X.npy")
    np.save(tmp_path / "y.npy", np.ones(2))
    with pytest.raises(ShapeError, match=r"y.npy has 2 numbers, but .*X.npy has 3 rows"):
        read_table(tmp_path / "X.npy", tmp_path / "y.npy")


def test_arrays_of_numpy_are_tables(tmp_path):
    np.save(tmp_path / "a.npy", np.column_stack([X, Y]).astype(np.float32))
    table = read_table(tmp_path / "a.npy", 2)
    np.testing.assert_array_equal(table.X, X.astype(np.float32))
    np.testing.assert_array_equal(table.y, Y)
    np.savez(tmp_path / "a.npz", X=X, y=Y, feature_names=["a", "b"])
    table = read_table(tmp_path / "a.npz", "y", exclude=["a"])
    np.testing.assert_array_equal(table.X, X[:, 1:])
    assert (table.feature_names, table.response) == (["b"], "y")
    assert read_table(tmp_path / "a.npz").y is None


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({"A": X}, ParameterError, "has arrays A, but one is to be named X"),
        ({"X": X, "z": Y}, ParameterError, "`response` is 'y', but .* has z beside `X`"),
        ({"X": X, "y": [1.0, np.nan, 2.0]}, NonFiniteError, 'row 1, column "y": the response is missing'),
        ({"X": [[1.0, np.nan]], "y": [1.0]}, NonFiniteError, 'row 0, column "1": the number is missing'),
        ({"X": X, "y": Y, "feature_names": ["a"]}, ShapeError, "has 1 `feature_names`, but `X` has 2 columns"),
        ({"X": Y, "y": Y}, ShapeError, r"has an array of shape \(3,\)"),
        ({"X": [["a"]], "y": [1.0]}, DataTypeError, "has an array of dtype"),
        ({"X": np.array([[None]]), "y": [1.0]}, DataTypeError, "cannot be read: Object arrays"),
    ],
)
def test_arrays_that_are_no_tables_are_refused(content, error, message, tmp_path):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(error, match=message):
        read_table(tmp_path / "a.npz", "y")


def test_large_arrays_are_left_in_their_file(tmp_path, monkeypatch):
    monkeypatch.setattr("sparsevae.tables._table.WHOLE", 1000)
    rng = np.random.default_rng(0)
    values = rng.standard_normal((40, 60))
    values[:, 0] = values[:, 5] - values[:, 50] + 0.1 * rng.standard_normal(40)
    np.save(tmp_path / "a.npy", values)
    table = read_table(tmp_path / "a.npy", 0, exclude=[1])
    assert isinstance(table.X, ColumnBlocks)
    assert [table.feature_names[j] for j in VaeSlr().fit(table.X, table.y).support_] == ["5", "50"]


def test_columns_of_a_table_are_found_by_name_or_number(tmp_path):
    table = read_table(written(tmp_path / "a.csv", ROWS), "rate", exclude=["id"])
    assert table.find(["gene_2", "gene, one", -1]) == [1, 0, 1]
    with pytest.raises(ParameterError, match="`covariates` is 'gene', but the table has no column of this name"):
        table.find(["gene"], argument="covariates")


def test_parquet_is_read_by_pyarrow(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write(**columns):
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    path = write(id=["p", "q", "r"], a=X[:, 0], b=pyarrow.array([2, None, 7]), c=[True, False, True], rate=[3, 5, 9])
    with pytest.raises(DataTypeError, match='column "id": string is no type of numbers'):
        read_table(path, "rate")
    with pytest.raises(NonFiniteError, match='row 1, column "b": the number is missing'):
        read_table(path, "rate", exclude=["id"])
    table = read_table(path, "rate", exclude=["id"], missing="mean")
    np.testing.assert_array_equal(table.X, [[0.5, 2, 1], [-0.1, 4.5, 0], [0.5, 7, 1]])
    np.testing.assert_array_equal(table.y, Y)
    monkeypatch.setattr("sparsevae.tables._table.WHOLE", 1)
    assert isinstance(read_table(path, "rate", exclude=["id"]).X, ColumnBlocks)
    with pytest.raises(ShapeError, match="has columns, but no rows"):
        read_table(write(a=pyarrow.array([], pyarrow.float64())))
    path.write_bytes(b"no table")
    with pytest.raises(DataTypeError, match="cannot be read"):
        read_table(path)


def test_genotypes_are_read_by_bed_reader(tmp_path):
    bed_reader = pytest.importorskip("bed_reader")
    values = np.array([[0, 1], [2, np.nan], [1, 1]], dtype=np.float32)
    path = tmp_path / "a.bed"
    bed_reader.to_bed(path, values, properties={"sid": ["rs1", "rs2"], "pheno": ["1.5", "-9", "2"]})
    with pytest.raises(NonFiniteError, match=r'a.bed, row 1, column "rs2": the number is missing'):
        read_table(path)
    table = read_table(path, missing="mean")
    np.testing.assert_array_equal(table.X, [[0, 1], [2, 1], [1, 1]])
    assert table.feature_names == ["rs1", "rs2"]
    with pytest.raises(NonFiniteError, match='row 1, column "pheno": the response is missing'):
        read_table(path, "pheno", missing="mean")
    with pytest.raises(ParameterError, match="`response` is 'height', but that of genotypes is 'pheno'"):
        read_table(path, "height")
    bed_reader.to_bed(path, values, properties={"pheno": ["1.5", "0.5", "2"]})
    np.testing.assert_array_equal(read_table(path, "pheno", missing="mean").y, [1.5, 0.5, 2])


@pytest.mark.parametrize(
    ("name", "package", "named"), [("a.pq", "pyarrow", "pyarrow"), ("a.bed", "bed_reader", "bed-reader")]
)
def test_a_package_that_is_missing_is_named_with_its_extra(name, package, named, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).touch()
    with pytest.raises(DataUnavailableError, match=f"needs {named}: pip install 'sparsevae.files.'"):
        read_table(tmp_path / name)
