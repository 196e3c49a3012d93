"""Every fault that ``make faults`` plays, in order."""

from fault_rounds import Fault
from faults_of_money import MONEY_FAULTS
from faults_of_operators import ORDINARY, Crashed, Killed, Lying
from faults_of_rpc import RPC_FAULTS
from faults_of_stores import STORE_FAULTS
from faults_of_submissions import SUBMISSION_FAULTS
from faults_of_the_chain import CHAIN_FAULTS
from lying_operator import Lies

FAULTS: list[Fault] = [
    Fault(),
    Crashed(),
    *(Killed(point) for point in ORDINARY),
    *(Lying(lies) for lies in Lies),
    *SUBMISSION_FAULTS,
    *STORE_FAULTS,
    *CHAIN_FAULTS,
    *MONEY_FAULTS,
    *RPC_FAULTS,
]
